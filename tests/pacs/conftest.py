"""A real Orthanc (Debian's orthanc and orthanc-dicomweb) and dcmtk, in a network of their own.

Orthanc listens on all addresses. So the tests go into a network namespace that has a loopback and
nothing else, and Orthanc with them.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from allclient.pacs import config as configuration
from allclient.pacs.config import Config
from tests.waiting import until

_CLONE_NEWNET = 0x40000000
_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
NEEDED = ("Orthanc", "dcmsend", "storescu", "echoscu", "dsrdump", "ip")

DICOM_PORT, HTTP_PORT, GATEWAY_PORT = 4242, 8042, 11112
HTTP = f"http://127.0.0.1:{HTTP_PORT}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Ray keeps threads of gRPC alive. They would stay in the network from before, and now and then
    # one of them would be asked to connect to a server in the new one.
    items.sort(key=lambda item: "bulk" in item.path.relative_to(item.config.rootpath).parts)
    missing = [name for name in NEEDED if shutil.which(name, path=_path()) is None]
    if not _PLUGIN.exists():
        missing.append("orthanc-dicomweb")
    if not missing and os.geteuid() != 0:
        missing.append("root, for a network namespace")
    if missing:
        reason = (
            f"missing: {', '.join(missing)} "
            "(apt-get install orthanc orthanc-dicomweb dcmtk iproute2)"
        )
        here = Path(__file__).parent
        for item in items:
            if here in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


def _path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


@pytest.fixture(scope="session", autouse=True)
def namespace() -> Iterator[None]:
    """This thread, and all that it starts from now on, sees a loopback alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    if libc.unshare(_CLONE_NEWNET) != 0:
        os.close(before)
        pytest.skip(f"no network namespace here: {os.strerror(ctypes.get_errno())}")
    try:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True, env={"PATH": _path()})
        if asyn := sys.modules.get("fsspec.asyn"):
            # Its thread stays in the network from before; the next use starts another.
            asyn.loop[0] = asyn.iothread[0] = None
        yield
    finally:
        libc.setns(before, _CLONE_NEWNET)
        os.close(before)


class Orthanc:
    """One Orthanc with an empty store. ``stop`` and ``start`` keep what it has."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "Name": "test",
            "StorageDirectory": str(folder / "store"),
            "IndexDirectory": str(folder / "store"),
            "Plugins": [str(_PLUGIN)],
            "DicomAet": "ARCHIVE",
            "DicomPort": DICOM_PORT,
            "DicomCheckModalityHost": True,
            "HttpPort": HTTP_PORT,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "SyncStorageArea": False,
            "DicomModalities": {"gateway": ["ALLCLIENT", "127.0.0.1", GATEWAY_PORT]},
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        (folder / "orthanc.json").write_text(json.dumps(settings))

    def start(self) -> Orthanc:
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["Orthanc", str(self._folder / "orthanc.json")],
                stdout=log,
                stderr=log,
                env={**os.environ, "PATH": _path(), "TCP_NODELAY": "1"},
            )
        until(lambda: self._is_up(), "Orthanc")
        return self

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "log").read_text()[-2000:]
        try:
            return requests.get(f"{HTTP}/system", timeout=5).ok
        except requests.RequestException:
            return False

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(120)
            self._process = None

    def get(self, path: str) -> Any:
        answer = requests.get(HTTP + path, timeout=30)
        answer.raise_for_status()
        return answer

    def files(self, modality: str) -> list[bytes]:
        """All objects of a modality, as they are stored."""
        query = {"Level": "Instance", "Query": {"Modality": modality}}
        found = requests.post(f"{HTTP}/tools/find", json=query, timeout=60).json()
        return [self.get(f"/instances/{name}/file").content for name in found]

    def send_all(self, target: str) -> None:
        """Every instance to a modality, by C-STORE."""
        names = self.get("/instances").json()
        requests.post(f"{HTTP}/modalities/{target}/store", json=names, timeout=120)

    def clear(self) -> None:
        for patient in self.get("/patients").json():
            requests.delete(f"{HTTP}/patients/{patient}", timeout=30).raise_for_status()


@pytest.fixture(scope="session")
def running_orthanc(namespace: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    made = Orthanc(tmp_path_factory.mktemp("orthanc")).start()
    yield made
    made.stop()


@pytest.fixture
def orthanc(running_orthanc: Orthanc) -> Orthanc:
    """The same for all tests, emptied."""
    running_orthanc.clear()
    return running_orthanc


@pytest.fixture
def make_config(tmp_path: Path) -> Callable[..., Config]:
    """A configuration for the gateway beside that Orthanc; arguments change ``[export]``."""

    def make(**export: Any) -> Config:
        return configuration.parse(
            {
                "node": {
                    "folder": str(tmp_path / "gateway"),
                    "port": GATEWAY_PORT,
                    "min_free_mb": 1,
                    "study_quiet_seconds": 1.5,
                },
                "peer": [
                    {"ae_title": "MICROSCOPE", "host": "127.0.0.1"},
                    {"ae_title": "ARCHIVE", "host": "127.0.0.1", "port": DICOM_PORT},
                ],
                "export": {"peer": "ARCHIVE", **export},
            },
            tmp_path,
        )

    return make
