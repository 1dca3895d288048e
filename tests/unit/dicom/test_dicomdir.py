from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pydicom", reason="the extra pacs is not installed")

from pydicom.fileset import FileSet

from allclient.dicom import dicomdir
from allclient.errors import ConfigurationError
from allclient.sources import expand
from tests.unit.dicom.objects import jpeg_object


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    """A file set of two fields, as pydicom writes it."""
    files = FileSet()
    for number in (1, 2):
        files.add(jpeg_object(number, instance=number))
    files.write(tmp_path / "disc")
    return tmp_path / "disc"


def test_a_dicomdir_stands_for_its_images(disc: Path) -> None:
    listed = list(expand([str(disc / "DICOMDIR")]))
    assert len(listed) == 2
    assert all(Path(path).read_bytes()[128:132] == b"DICM" for path in listed)


def test_a_folder_with_a_dicomdir_gives_what_it_lists(disc: Path) -> None:
    assert list(expand([str(disc)])) == list(expand([str(disc / "DICOMDIR")]))


def test_a_folder_takes_dicom_files_by_their_ending(tmp_path: Path) -> None:
    for name in ("b.dcm", "a.DCM", "notes.txt"):
        (tmp_path / name).touch()
    assert [Path(path).name for path in expand([str(tmp_path)])] == ["a.DCM", "b.dcm"]


@pytest.mark.parametrize("file_id", [["..", "passwd"], "/etc/passwd", ["a/b"], [""], None])
def test_names_that_lead_out_of_the_disc_are_refused(tmp_path: Path, file_id: object) -> None:
    with pytest.raises(ConfigurationError, match="not beside it"):
        dicomdir._inside(str(tmp_path / "DICOMDIR"), file_id)


def test_a_damaged_dicomdir_is_named(tmp_path: Path) -> None:
    (tmp_path / "DICOMDIR").write_bytes(bytes(128) + b"DICM" + b"\xff" * 40)
    with pytest.raises(ConfigurationError, match="damaged"):
        list(expand([str(tmp_path / "DICOMDIR")]))
