"""The loader of the model repository's pure modules."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from toolkit import served


def test_the_modules_are_those_that_are_served_under_the_names_that_triton_gives_them() -> None:
    folder = served.MODEL_REPOSITORY / "vote" / "1"
    assert Path(served.majority.__file__) == folder / "majority.py"
    assert sys.modules["majority"] is served.majority
    assert folder / "policy.json" == served.POLICY


def test_what_is_no_pure_module_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no module 'csv'"):
        _ = served.csv


def test_without_a_checkout_the_message_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "MODEL_REPOSITORY", tmp_path / "model_repository")
    with pytest.raises(FileNotFoundError, match="full checkout"):
        _ = served.smear_file
