"""A disk that is really full (a small tmpfs), and folders of other users or other pages."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from allclient.cli import codes
from allclient.cli.group import run
from allclient.errors import ConfigurationError
from allclient.store import Store, folders
from allclient.web.alone import held
from allclient.web.program import Program
from allclient.web.settings import Settings
from tests.disks import small_disk
from tests.unit.store.made import picture
from tests.unit.web.conftest import Double, Visitor


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "small", "3m") as folder:
        yield folder


def test_a_full_disk_is_told_and_review_goes_on_with_what_is_there(small: Path) -> None:
    store = Store(small / "data")
    page = Program(store, Settings(hosts=("testserver",)))
    page.worker.use(Double())
    with page.working():
        anna = Visitor.of(page, "Anna")
        case_id = anna.case()
        field_id = anna.read(case_id, picture())
        filler = small / "filler"
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)):
                    pass
            except OSError:
                pass
        for more in (0, 100_000):  # it fails when the file is closed, and before
            refused = anna.upload(case_id, picture(1) + bytes(more))
            error = refused.json()["error"]
            assert (refused.status_code, error["code"]) == (503, "disk")
            assert "what you sent is not stored" in error["message"]
            assert list((store.folder / "incoming").iterdir()) == []
        for thumbnail in ("true", "false"):
            shown = anna.get(f"/api/v1/fields/{field_id}/picture?thumbnail={thumbnail}")
            assert shown.status_code == 200
        assert anna.get(f"/cases/{case_id}").status_code == 200
        filler.unlink()
        assert anna.upload(case_id, picture(1)).status_code == 201
        assert list((store.folder / "incoming").iterdir()) == []


def test_one_page_alone_works_on_a_data_folder(tmp_path: Path) -> None:
    with held(tmp_path, "http://127.0.0.1:8080"):
        for _ in range(2):
            with pytest.raises(ConfigurationError, match=r"http://127\.0\.0\.1:8080/ works on"):
                held(tmp_path, "http://127.0.0.1:1").__enter__()
    with held(tmp_path, "http://127.0.0.1:1"):
        assert (tmp_path / "web.lock").read_text() == "http://127.0.0.1:1/\n"


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigurationError, match=r"Not a directory; .* another one with --data"):
        folders.require_writable(tmp_path / "file" / "data", "--data")


WITHOUT_RIGHTS = "-dac_override,-dac_read_search,-fowner"
"""What lets root write to everything."""


@pytest.mark.parametrize("part", ["", "store.sqlite", "files"])
def test_a_store_of_another_user_is_refused_before_it_is_used(tmp_path: Path, part: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    data = tmp_path / "data"
    Store(data).close()
    place = data / part
    os.chown(place, 65534, 65534)
    place.chmod(0o555)
    probe = (
        "import pathlib, sys; from allclient.store import Store; Store(pathlib.Path(sys.argv[1]))"
    )
    caps = [f"--bounding-set={WITHOUT_RIGHTS}", f"--inh-caps={WITHOUT_RIGHTS}"]
    done = subprocess.run(
        ["setpriv", *caps, sys.executable, "-c", probe, data],
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("allclient.errors.ConfigurationError: the "), done.stderr
    assert "cannot be used: " in last
    assert (place.name or "data") in last


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--database", "nonsense"], "postgresql://USER:PASSWORD@HOST/NAME"),
        (["--database", "postgresql://a:secret@127.0.0.1:1/b"], "Connection refused"),
        (["--files", "nosuch://x"], "files cannot be kept at 'nosuch://x'"),
        (["--files", "/proc/none"], "'/proc/none' cannot be used"),
        (["--host", "203.0.113.1"], "is no address of this machine"),
    ],
)
def test_what_cannot_be_used_ends_the_start_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    words = ["web", "--no-server", "--port", "0", "--data", str(tmp_path / "data"), *options]
    assert run(words) == codes.USAGE
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("allclient: ")
    assert says in line
    assert "secret" not in line
