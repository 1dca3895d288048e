"""The files of a store at an address of S3, which moto serves on this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

pytest.importorskip("s3fs", reason="files at S3 need s3fs")
server = pytest.importorskip("moto.server", reason="the test needs moto[server]")

from allclient.errors import NotFoundError, StoreError
from allclient.store import Store, backup, cases
from tests.unit.store.made import ANNA, accepted, picture


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "reader",
        "AWS_SECRET_ACCESS_KEY": "nothing to keep",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    running = server.ThreadedMotoServer("127.0.0.1", 0)
    running.start()
    host, port = running.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    fsspec.get_filesystem_class("s3").clear_instance_cache()  # what other tests left asks theirs
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    system.call_s3(
        "create_bucket",
        Bucket="case-store",
        CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
    )
    yield "s3://case-store/files"
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    running.stop()


def test_files_at_s3_are_kept_read_checked_and_deleted(bucket: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "data", files_url=bucket)
    with store.write() as session:
        case_id = cases.make(session, ANNA, "Marrow").id
    field = accepted(store, case_id, picture())
    assert store.files.read(field.digest) == picture()
    assert accepted(store, case_id, picture()).id == field.id
    assert not (tmp_path / "data" / "files").exists()
    assert list((tmp_path / "data" / "incoming").iterdir()) == []
    backup.write(store, tmp_path / "backup")
    system = fsspec.filesystem("s3")
    (place,) = system.find("case-store/files")
    assert place.endswith(field.digest)
    system.pipe_file(place, b"something else")
    with pytest.raises(StoreError, match="damaged; restore a backup"):
        store.files.read(field.digest)
    cases.delete(store, ANNA, case_id)
    system.invalidate_cache()
    assert system.find("case-store/files") == []
    with pytest.raises(NotFoundError):
        store.files.read(field.digest)
    store.close()
    restored = Store(tmp_path / "new", files_url="s3://case-store/restored")
    assert backup.restore(restored, tmp_path / "backup") == 1
    assert restored.files.read(hashlib.sha256(picture()).hexdigest()) == picture()
    restored.close()
