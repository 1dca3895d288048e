"""The small clients of docs/clients, before a server of the real protocol."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.client.kserve import KServe

CLIENTS = Path(__file__).parents[3] / "docs" / "clients"
JARS = Path("/usr/share/java")
NEEDED = [
    "grpc-api",
    "grpc-context",
    "grpc-core",
    "grpc-netty",
    "grpc-protobuf",
    "grpc-protobuf-lite",
    "grpc-stub",
    "protobuf",
    "guava",
    "netty-buffer",
    "netty-codec",
    "netty-codec-http",
    "netty-codec-http2",
    "netty-codec-socks",
    "netty-common",
    "netty-handler",
    "netty-handler-proxy",
    "netty-resolver",
    "netty-transport",
    "perfmark-api",
    "jsr305",
]


@pytest.fixture
def server() -> Iterator[KServe]:
    with KServe() as running:
        yield running


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    paths = []
    for word in ("benign", "review", "torn"):
        path = tmp_path / f"{word}.jpg"
        path.write_bytes(f"{word} field".encode())
        paths.append(str(path))
    return paths


def check(printed: str) -> None:
    lines = [line.split(" ", 1)[1] for line in printed.splitlines()]
    assert lines[0].startswith("benign benign")
    assert lines[0].endswith("review=none")
    assert lines[1].startswith("malignant pre_b")
    assert lines[1].endswith("review=low_confidence,first_page_only")
    assert lines[2].startswith("INVALID_ARGUMENT")
    assert "[image_truncated]" in lines[2]
    assert len(lines) == 3


def test_python(server: KServe, files: list[str]) -> None:
    command = [sys.executable, str(CLIENTS / "classify.py"), server.address, *files]
    check(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_both_are_short() -> None:
    assert len((CLIENTS / "classify.py").read_text("utf-8").splitlines()) < 50
    assert len((CLIENTS / "Classify.java").read_text("utf-8").splitlines()) < 60


def test_java(server: KServe, files: list[str], tmp_path: Path) -> None:
    plugin = shutil.which("grpc_java_plugin")
    missing = [name for name in ("protoc", "javac", "java") if shutil.which(name) is None]
    missing += [] if plugin else ["grpc_java_plugin"]
    missing += [name for name in NEEDED if not (JARS / f"{name}.jar").exists()]
    if missing:
        pytest.skip(
            f"missing: {', '.join(missing)} (apt-get install default-jdk-headless "
            "protobuf-compiler protobuf-compiler-grpc-java-plugin libgrpc-java libprotobuf-java "
            "libguava-java libnetty-java libjsr305-java libperfmark-java)"
        )
    described = tmp_path / "kserve.pb"
    done = subprocess.run(
        [sys.executable, str(CLIENTS / "descriptor.py"), str(described)],
        capture_output=True,
        text=True,
        check=True,
    )
    subprocess.run(
        [
            "protoc",
            f"--descriptor_set_in={described}",
            f"--java_out={tmp_path}",
            f"--plugin=protoc-gen-grpc-java={plugin}",
            f"--grpc-java_out={tmp_path}",
            *done.stdout.split(),
        ],
        check=True,
    )
    jars = ":".join(str(JARS / f"{name}.jar") for name in NEEDED)
    sources = [*map(str, tmp_path.rglob("*.java")), str(CLIENTS / "Classify.java")]
    # The stubs name javax.annotation.Generated, which Java has left to others since version 11.
    stub = tmp_path / "javax" / "annotation" / "Generated.java"
    stub.parent.mkdir(parents=True)
    stub.write_text(
        "package javax.annotation; public @interface Generated { String value(); "
        'String comments() default ""; }'
    )
    built = tmp_path / "built"
    subprocess.run(
        ["javac", "-nowarn", "-cp", jars, "-d", str(built), str(stub), *sources],
        check=True,
        capture_output=True,
    )
    command = ["java", "-cp", f"{built}:{jars}", "Classify", server.address, *files]
    check(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
