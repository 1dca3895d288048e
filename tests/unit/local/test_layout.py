"""The private folder is laid out, or a sentence says why not."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from allclient.errors import LocalServerError
from allclient.local import binaries
from allclient.local.flavours import Needs
from allclient.local.layout import Layout


def test_a_full_disk_is_a_sentence_with_the_folder_and_what_to_do(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "work", binaries.find(), tmp_path, Needs(frozenset(), gpu=False))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))  # as if there were no more room
    try:
        with pytest.raises(LocalServerError) as refused:
            layout.create()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    said = str(refused.value)
    assert said.startswith(f"cannot make the embedded server's folder {layout.work}: ")
    assert "File too large" in said
    assert said.endswith("set TMPDIR to a folder with 60 MB free, where programs may run")


def test_the_folder_stays_within_the_room_that_is_asked_for(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "work", binaries.find(), tmp_path, Needs(frozenset(), gpu=False))
    layout.create()
    files = [path for path in layout.work.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) < 60_000_000
