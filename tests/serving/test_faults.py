"""A short form of two faults of deploy/torture: a network that breaks, and many clients at once."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from allclient.local import LocalServer
