from __future__ import annotations

import sys
from pathlib import Path

import pytest

from allclient.cli.loading import load

TORN = """
import os, signal, threading
os.kill(os.getpid(), signal.SIGINT)
in_main_thread = threading.current_thread() is threading.main_thread()
threading.Event().wait(0.2)
whole = True
"""


def test_ctrl_c_does_not_tear_an_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """numpy's C code would make an ImportError of it, and the end of the interpreter a crash."""
    (tmp_path / "module_that_is_stopped.py").write_text(TORN)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        load("module_that_is_stopped")
    module = sys.modules.pop("module_that_is_stopped")
    assert not module.in_main_thread
    assert module.whole


def test_a_module_that_cannot_be_imported_says_why() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        load("no_such_module")
