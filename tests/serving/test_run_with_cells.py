"""Cells, cases and the report of drawn fields, from a real Triton by the library and a command."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import tritonclient.grpc as triton
from PIL import Image
from tritonclient.utils import InferenceServerException

from allclient import AsyncClient, Client, summarize
from allclient.cli.group import run
from allclient.contract import CASCADE, ENSEMBLE, SIZE
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


@pytest.mark.parametrize("model", [ENSEMBLE, CASCADE])
def test_the_size_of_a_pixel_is_that_of_the_request_or_of_the_file(
    server: LocalServer, paths: list[str], tmp_path: Path, model: str
) -> None:
    path = tmp_path / "field.tif"
    with Image.open(paths[0]) as image:
        field = np.asarray(image.convert("RGB"))
    tifffile.imwrite(
        path, field, photometric="rgb", resolution=(155_000, 155_000), resolutionunit="CENTIMETER"
    )
    with Client(server.grpc_address, model=model) as client:
        sizes = [client.classify(one).um_per_pixel for one in (path, paths[0])]
        assert sizes == [pytest.approx(0.0645, abs=1e-4), None]
        assert client.classify(path, um_per_pixel=0.1, cells=True).um_per_pixel == 0.1
        mixed = client.classify_many([path, *paths, path])
        assert [outcome.unwrap().um_per_pixel for outcome in mixed] == [
            sizes[0],
            *[None] * len(paths),
            sizes[0],
        ]


@pytest.mark.parametrize("model", [ENSEMBLE, CASCADE])
def test_what_a_server_says_of_a_size_or_an_output_that_makes_no_sense(
    server: LocalServer, paths: list[str], model: str
) -> None:
    image = triton.InferInput("IMAGE", [1, 1], "BYTES")
    image.set_data_from_numpy(np.array([[Path(paths[0]).read_bytes()]], dtype=object))
    said = {}
    with triton.InferenceServerClient(server.grpc_address) as client:
        for size, name in (("small", SIZE), (-0.5, SIZE), (0.25, "NO_SUCH")):
            with pytest.raises(InferenceServerException) as refused:
                client.infer(
                    model,
                    [image],
                    outputs=[triton.InferRequestedOutput(name)],
                    parameters={"um_per_pixel": size},
                )
            assert refused.value.status() == "StatusCode.INVALID_ARGUMENT"
            said[size] = refused.value.message()
        answer = client.infer(
            model,
            [image],
            outputs=[triton.InferRequestedOutput(SIZE)],
            parameters={"um_per_pixel": 0.25},
        )
        assert answer.as_numpy(SIZE).tolist() == [[0.25]]
    assert "um_per_pixel is the size of a pixel" in said["small"]
    assert "a number above 0, not '-0.5'" in said[-0.5]
    assert "unexpected inference output 'NO_SUCH'" in said[0.25]  # so older servers are known


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
