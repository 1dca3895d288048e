"""A real Ray cluster of two nodes on 127.0.0.1, and a real S3 interface."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "smears"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ray starts many processes: on a busy machine that takes a while."""
    for item in items:
        if "tests/bulk" in item.path.as_posix():
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """The file system of an S3 server of this process; other processes find it by variables."""
    server_module = pytest.importorskip("moto.server", reason="moto is in the extra 'dev'")
    s3fs = pytest.importorskip("s3fs", reason="s3fs is in the extra 'bulk'")
    server = server_module.ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}.items():
            patch.setenv(name, value)
        fs = s3fs.S3FileSystem(skip_instance_cache=True, use_listings_cache=False)
        fs.call_s3("create_bucket", Bucket=BUCKET)
        yield fs
    server.stop()


@pytest.fixture(scope="module")
def cluster(s3: Any) -> Iterator[Any]:
    """Two nodes; ``remove_node`` kills one. It is started after S3, whose variables it takes."""
    if find_spec("ray") is None:  # not imported before its variables are set
        pytest.skip("ray is in the extra 'bulk'")
    from allclient.bulk.cluster import ALONE, QUIET

    # A short path: Ray makes sockets below it, whose names have a limit of 107 bytes.
    with (
        tempfile.TemporaryDirectory(prefix="allclient-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in {
            **QUIET,
            **ALONE,
            "RAY_AUTH_TOKEN": "a" * 64,
            "RAY_TMPDIR": folder,
        }.items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster

        node = {"num_cpus": 4, "object_store_memory": 100_000_000}
        made = Cluster(initialize_head=False)
        try:
            _add(made, **node, include_dashboard=False)
            _add(made, **node)
            made.wait_for_nodes()
            yield made
        finally:
            made.shutdown()


def _add(cluster: Any, **options: Any) -> None:
    """Add a node; on a busy machine it may take longer than the 30 seconds that Ray waits."""
    for last in (False, False, False, True):
        try:
            cluster.add_node(**options)
        except Exception:
            if last:
                raise
        else:
            return
