"""Cells, cases and the report of drawn fields, from a real Triton by the library and a command."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from allclient import AsyncClient, Client, summarize
from allclient.cli.group import run
from allclient.contract import CASCADE, ENSEMBLE
from allclient.local import LocalServer
from samples import render


@pytest.fixture(scope="module")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Nine fields, a folder for each kind."""
    folder = tmp_path_factory.mktemp("slides")
    for number, one in enumerate(render.images(count=9, seed=5)):
        case = folder / one.name.split("-")[2]
        case.mkdir(exist_ok=True)
        (case / f"{number}.jpg").write_bytes(render.encode(one.image))
    return folder


@pytest.fixture(scope="module")
def paths(slides: Path) -> list[str]:
    return [str(path) for path in sorted(slides.rglob("*.jpg"))]


@pytest.mark.parametrize("model", [ENSEMBLE, CASCADE])
async def test_boxes_are_around_nuclei(server: LocalServer, paths: list[str], model: str) -> None:
    with Client(server.grpc_address, model=model) as client:
        outcomes = list(client.classify_many(paths, cells=True, um_per_pixel=0.25))
        assert client.health().cells
        assert client.classify(paths[0]).cells is None
    async with AsyncClient(server.grpc_address, model=model) as other:
        assert (await other.classify(paths[0], cells=True)).leukocytes == (
            outcomes[0].unwrap().leukocytes
        )
    seen = 0
    for outcome in outcomes:
        result = outcome.unwrap()
        assert result.um_per_pixel == 0.25
        assert result.cells is not None
        with Image.open(str(outcome.source)) as image:
            green = np.asarray(image.convert("RGB"), np.float32)[..., 1]
        for cell in result.cells:
            left, top, right, bottom = cell.box(green.shape[1], green.shape[0])
            assert green[top:bottom, left:right].mean() < np.median(green)
            seen += 1
        if result.cells:
            assert sum(cell.area_share for cell in result.cells) == pytest.approx(1, abs=1e-3)
    assert seen > 20
    case = summarize(outcomes)
    assert (case.fields, case.leukocytes) == (9, seen)


def test_a_command_makes_all_of_it(
    server: LocalServer, slides: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {
        "--output": "answers.jsonl",
        "--cells": "cells.csv",
        "--cases": "cases.csv",
        "--annotate": "seen",
        "--report": "report.html",
    }
    arguments = [word for name, at in options.items() for word in (name, str(tmp_path / at))]
    code = run(["classify", str(slides), "-r", "--server", server.grpc_address, *arguments])
    said = capsys.readouterr().err
    assert code == 0, said
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    cells = list(csv.DictReader((tmp_path / "cells.csv").open(newline="")))
    cases = list(csv.DictReader((tmp_path / "cases.csv").open(newline="")))
    assert len(cells) == sum(row["leukocytes"] for row in rows)
    assert len(cases) == 3
    assert sum(int(case["leukocytes"]) for case in cases) == len(cells)
    assert len(list((tmp_path / "seen").iterdir())) == 9
    page = (tmp_path / "report.html").read_text()
    assert page.count("<article") == 9
    assert "triton 2." in page
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(options.values())
