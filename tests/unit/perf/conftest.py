"""The scripts of deploy/perf are imported as they import one another: from their folder."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3] / "deploy" / "perf"))
