"""A package that is missing is named, with what installs it."""

from __future__ import annotations

import importlib

import pytest

from allclient.errors import ConfigurationError
from allclient.needed import needing


def test_a_missing_package_is_named_with_its_extra() -> None:
    with (
        pytest.raises(ConfigurationError, match=r"^allclient pacs needs the extra pacs: ") as told,
        needing("allclient pacs", "pacs"),
    ):
        importlib.import_module("no_such_package")
    assert "pip install 'allclient[pacs]' (missing: no_such_package)" in str(told.value)


def test_other_errors_pass() -> None:
    with pytest.raises(ValueError, match="own"), needing("this", "pacs"):
        raise ValueError("own")
