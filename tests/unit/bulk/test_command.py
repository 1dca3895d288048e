"""``allclient classify --engine ray`` before a cluster is asked, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from allclient import bulk
from allclient.bulk.places import Place
from allclient.bulk.plan import Plan
from allclient.cli.group import run
from allclient.watch.metrics import ClientMetrics
from allclient.watching import watched_by
from tests.unit.client.kserve import KServe


def classify(*arguments: str) -> int:
    return run(["classify", *arguments, "--engine", "ray"])


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "--engine ray needs --output"),
        (["-o", "out", "--format", "csv"], "--format is not for --engine ray"),
        (["-o", "out", "--report", "a.html"], "--report is not for --engine ray"),
        (["-o", "out", "--resume", "--overwrite"], "exclude each other"),
        (["-o", "out", "--flavour", "gpu_onnx", "--server", "t"], "names another"),
        (["-o", "out", "--tls"], "TLS and token options need --server"),
        (["-o", "out", "--case-by", "x"], "--case-by: "),
    ],
)
def test_what_cannot_be(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert classify("in", *arguments) == 2
    assert reason in capsys.readouterr().err


def test_the_plain_command_knows_no_cluster(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["classify", "in", "--workers", "2"]) == 2
    assert "--workers is for --engine ray" in capsys.readouterr().err
    assert run(["classify", "in", "--part-size", "512"]) == 2
    assert "--part-size is for --engine ray" in capsys.readouterr().err
    assert run(["classify", "in", "--no-cells"]) == 2
    assert "--no-cells is for --engine ray" in capsys.readouterr().err


def test_the_plain_command_says_how_urls_are_read(
    server: KServe, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["classify", "s3://b/a.png", "--server", server.address]) == 1
    assert "a URL is read with --engine ray" in capsys.readouterr().out


def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bulk, "_PACKAGES", ("nosuchpackage",))
    assert classify("in", "-o", "out") == 2
    assert "needs nosuchpackage: pip install 'allclient[bulk]'" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["127.0.0.1:{}", "ray://localhost:{}", "127.0.0.1:9{}"])
def test_a_cluster_that_is_not_there_is_told_at_once(
    write: Any,
    tmp_path: Path,
    unused_tcp_port: int,
    address: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write(a="benign")
    address = address.format(unused_tcp_port)
    arguments = ("--server", "127.0.0.1:1", "-o", str(tmp_path / "out"), "--address", address)
    assert classify(str(tmp_path / "in"), *arguments) == 2
    said = capsys.readouterr().err
    assert f"there is no Ray cluster at {address}: " in said
    assert "1 file in 1 part; 1 to do" in said


@pytest.mark.usefixtures("here")
def test_from_the_first_run_to_the_last(
    server: KServe, write: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(a="benign", b="torn", c="cells")
    arguments = [str(tmp_path / "in"), "--server", server.address, "-o", str(tmp_path / "out")]
    arguments += ["--part-size", "2"]
    registry = CollectorRegistry()
    with watched_by(ClientMetrics(registry)):
        assert classify(*arguments) == 1
    files = {
        what: registry.get_sample_value("allclient_bulk_files_total", {"what": what})
        for what in ("files", "malignant", "benign", "review", "failed")
    }
    assert files == {"files": 3, "malignant": 1, "benign": 1, "review": 0, "failed": 1}
    assert registry.get_sample_value("allclient_bulk_files_now", {"state": "left"}) == 0
    said = capsys.readouterr()
    assert said.out == ""
    for sentence in (
        "3 files in 2 parts; 2 to do",
        "1 worker\n",
        "1 case\n",
        "2 classified: 1 malignant, 1 benign; 0 need review; 1 failed; ",
        "never replaces it",
        "why a file failed stands in the column error",
        f"answers in {tmp_path}/out/fields",
    ):
        assert sentence in said.err

    assert classify(*arguments) == 2
    assert "--resume goes on with it, --overwrite starts anew" in capsys.readouterr().err

    write(b="benign")
    assert classify(*arguments, "--resume") == 0
    said = capsys.readouterr()
    assert "3 files in 2 parts; 1 to do" in said.err
    assert (
        "1 classified: 0 malignant, 1 benign; 0 need review; 0 failed; 2 classified by an "
        in said.err
    )
    assert server.asked == 4

    assert classify(*arguments, "--resume") == 0
    assert "0 to do" in capsys.readouterr().err
    assert classify(*arguments, "--resume", "--model", "all_cascade") == 2
    assert "model: 'all_ensemble', now 'all_cascade'" in capsys.readouterr().err
    assert classify(*arguments, "--resume", "--no-cells") == 2
    assert "cells: True, now False" in capsys.readouterr().err

    write(d="benign")
    (tmp_path / "out" / "run.json").unlink()
    assert classify(*arguments, "--resume") == 2
    assert "holds answers without the list" in capsys.readouterr().err
    assert classify(*arguments, "--overwrite", "--no-cells") == 0
    assert server.asked == 4 + 4
    plan = Plan(Place(str(tmp_path / "out")))
    assert plan.count == 4
    assert all("cells" not in row for row in plan.answers(0, plan.files(0)) or [{"cells": None}])


@pytest.mark.usefixtures("here")
def test_a_run_that_ends_early_says_where_it_is(
    server: KServe, write: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(a="benign", b="gone")
    arguments = [str(tmp_path / "in"), "--server", server.address, "-o", str(tmp_path / "out")]
    assert classify(*arguments, "--part-size", "1", "--retry-for", "0") == 3
    said = capsys.readouterr().err
    assert "1 classified" in said
    assert f"what was finished is in {tmp_path}/out; --resume goes on from there" in said
    assert "no server answers" in said


@pytest.mark.usefixtures("here")
def test_no_image(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    assert classify(str(tmp_path / "in"), "-o", str(tmp_path / "out")) == 2
    assert "no image found" in capsys.readouterr().err
    assert not Plan(Place(str(tmp_path / "out"))).exists()
