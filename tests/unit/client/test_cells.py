"""Cells asked for, on the wire and in the Result."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from allclient import AsyncClient, Client, Label, Subtype
from allclient.cell import Box, Cell
from allclient.errors import ConfigurationError, ProtocolError
from tests.unit.client.kserve import BENIGN, MALIGNANT_ANSWER, PRE_B, TWO_CELLS, KServe


@pytest.fixture
def server() -> Iterator[KServe]:
    with KServe(lambda _: replace(MALIGNANT_ANSWER, cells=TWO_CELLS)) as running:
        yield running


@pytest.fixture
def client(server: KServe) -> Iterator[Client]:
    with Client(server.address) as opened:
        yield opened


def test_who_does_not_ask_gets_none(client: Client, server: KServe) -> None:
    del server.outputs["CELLS"], server.outputs["UM_PER_PIXEL"]  # as a server of version 0.2
    result = client.classify(b"x")
    assert result.cells is result.leukocytes is result.malignant_leukocytes is None
    assert server.parameters == [{}, {}]  # the second without what that one does not know
    client.classify(b"x")
    assert server.asked == 3


def test_who_asks_gets_every_cell(client: Client) -> None:
    result = client.classify(b"x", cells=True)
    assert result.cells is not None
    first, second = result.cells
    assert (first.x, first.y, first.width, first.height) == pytest.approx((0.1, 0.2, 0.25, 0.5))
    assert tuple(first.probabilities.values()) == pytest.approx(PRE_B)
    assert (first.label, first.subtype, first.area_share) == (Label.MALIGNANT, Subtype.PRE_B, 0.75)
    assert (second.label, second.subtype) == (Label.BENIGN, Subtype.BENIGN)
    assert second.probability == pytest.approx(BENIGN[0])
    assert second.agreement == pytest.approx(2 / 3)
    assert (result.leukocytes, result.malignant_leukocytes) == (2, 1)


async def test_both_clients_and_many(client: Client, server: KServe) -> None:
    asked = client.classify(b"x", cells=True).cells
    async with AsyncClient(server.address) as other:
        assert (await other.classify(b"x", cells=True)).cells == asked
        many = [outcome async for outcome in other.classify_many([b"x"] * 3, cells=True)]
    many += list(client.classify_many([b"x"] * 3, cells=True))
    assert [outcome.unwrap().cells for outcome in many] == [asked] * 6
    assert all(outcome.unwrap().cells is None for outcome in client.classify_many([b"x"]))


def test_no_cell_and_rows_that_fill_up_a_batch(client: Client, server: KServe) -> None:
    server.respond = lambda _: replace(MALIGNANT_ANSWER, cells=())
    assert client.classify(b"x", cells=True).cells == ()
    server.respond = lambda _: replace(MALIGNANT_ANSWER, cells=(TWO_CELLS[0], (0.0,) * 10))
    assert client.classify(b"x", cells=True).leukocytes == 1


async def test_who_asks_for_features_gets_cells_and_a_row_for_each(server: KServe) -> None:
    padded = ((0.25,) * 64, (0.5,) * 64, (0.0,) * 64)
    server.respond = lambda _: replace(MALIGNANT_ANSWER, cells=TWO_CELLS, features=padded)
    with Client(server.address) as client:
        assert client.classify(b"x", cells=True).features is None
        results = [client.classify(b"x", features=True)]
    async with AsyncClient(server.address) as other:
        results.append(await other.classify(b"x", features=True))
    for result in results:
        assert result.leukocytes == 2
        assert result.features is not None
        assert result.features.tolist() == [list(row) for row in padded[:2]]


def test_a_release_that_has_features_follows_one_that_has_none(server: KServe) -> None:
    outputs = dict(server.outputs)
    del server.outputs["FEATURES"]
    with Client(server.address) as client:
        for _ in range(3):
            assert client.classify(b"x", features=True).features is None
        server.outputs = outputs
        server.respond = lambda _: replace(MALIGNANT_ANSWER, cells=TWO_CELLS, release="b")
        assert client.classify(b"x", features=True).features is None
        assert client.classify(b"x", features=True).features is not None


def test_too_few_features_are_refused(client: Client, server: KServe) -> None:
    server.respond = lambda _: replace(MALIGNANT_ANSWER, cells=TWO_CELLS, features=((1.0,) * 64,))
    with pytest.raises(ProtocolError, match="FEATURES has 1 rows for 2 cells"):
        client.classify(b"x", features=True)


WRONG: dict[str, tuple[float, ...]] = {
    "leaves the range": (-0.1, 0.2, 0.25, 0.5, *PRE_B, 0.75, 1.0),
    "leaves the field": (0.9, 0.2, 0.25, 0.5, *PRE_B, 0.75, 1.0),
    "do not sum to 1": (0.1, 0.2, 0.25, 0.5, 0.5, 0.1, 0.1, 0.1, 0.75, 1.0),
    "holds NaN": (0.1, 0.2, 0.25, 0.5, *PRE_B, float("nan"), 1.0),
}


@pytest.mark.parametrize("message", WRONG)
def test_wrong_cells_are_refused(client: Client, server: KServe, message: str) -> None:
    server.respond = lambda _: replace(MALIGNANT_ANSWER, cells=(WRONG[message],))
    with pytest.raises(ProtocolError, match=message):
        client.classify(b"x", cells=True)


@pytest.mark.parametrize("shape", [(1, 2, 9), (2, 10), (2, 1, 10)])
def test_another_shape_is_refused(client: Client, server: KServe, shape: Any) -> None:
    tensors = MALIGNANT_ANSWER.tensors() | {"CELLS": np.zeros(shape, np.float32)}
    server.respond = lambda _: tensors
    with pytest.raises(ProtocolError, match=r"CELLS is FP32 .*, expected FP32 \[1, -1, 10\]"):
        client.classify(b"x", cells=True)


def test_the_size_of_a_pixel_is_sent_and_carried(client: Client, server: KServe) -> None:
    assert client.classify(b"x", um_per_pixel=0.25).um_per_pixel == 0.25
    (outcome,) = client.classify_many([b"x"], um_per_pixel=1)
    assert outcome.unwrap().um_per_pixel == 1
    assert server.parameters == [{"um_per_pixel": "0.25"}, {"um_per_pixel": "1.0"}]


def test_the_size_that_the_server_read_is_in_the_answer(client: Client, server: KServe) -> None:
    assert client.classify(b"x").um_per_pixel is None
    server.respond = lambda _: replace(MALIGNANT_ANSWER, um_per_pixel=0.0645)
    assert client.classify(b"x").um_per_pixel == 0.0645
    assert client.classify(b"x", um_per_pixel=0.1).um_per_pixel == 0.1
    server.respond = lambda _: replace(MALIGNANT_ANSWER, um_per_pixel=-1)
    with pytest.raises(ProtocolError, match="UM_PER_PIXEL is -1"):
        client.classify(b"x")


def test_the_answer_names_its_release(client: Client, server: KServe) -> None:
    assert client.classify(b"x").release == ""
    server.respond = lambda _: replace(MALIGNANT_ANSWER, release="3f2a9c1d44ab")
    assert client.classify(b"x").release == "3f2a9c1d44ab"
    server.respond = lambda _: replace(MALIGNANT_ANSWER, release="=1+2")
    with pytest.raises(ProtocolError, match="RELEASE is b'=1\\+2'"):
        client.classify(b"x")


async def test_a_server_of_version_0_2_answers_all_the_same(server: KServe) -> None:
    del server.outputs["UM_PER_PIXEL"], server.outputs["RELEASE"]  # as a server of version 0.2
    with Client(server.address) as client:
        outcomes = list(client.classify_many([b"x"] * 40, cells=True, um_per_pixel=0.25))
        assert [outcome.unwrap().um_per_pixel for outcome in outcomes] == [0.25] * 40
        assert {outcome.unwrap().leukocytes for outcome in outcomes} == {2}
        assert client.classify(b"x").um_per_pixel is None
        del server.outputs["FEATURES"]
        asked = server.asked
        for _ in range(2):
            result = client.classify(b"x", features=True)
            assert (result.leukocytes, result.features) == (2, None)
        assert server.asked == asked + 3, "it is asked for what it does not know once"
        assert client.health().ok
    async with AsyncClient(server.address) as other:
        before = server.asked
        assert (await other.classify(b"x")).um_per_pixel is None
        assert (await other.classify(b"x", um_per_pixel=2)).um_per_pixel == 2
        assert server.asked == before + 4


@pytest.mark.parametrize("size", [0, -1, 1e-50, 1e50, float("nan"), float("inf"), "0.25", True])
def test_a_size_that_is_none_is_refused(client: Client, server: KServe, size: Any) -> None:
    for call in (client.classify, lambda *_, **options: client.classify_many([], **options)):
        with pytest.raises(ConfigurationError, match="um_per_pixel is the size of a pixel"):
            call(b"x", um_per_pixel=size)
    assert server.asked == 0


def cell(x: float, y: float, width: float, height: float, *probabilities: float) -> Cell:
    classes = dict(zip(Subtype, probabilities or BENIGN, strict=True))
    return Cell(x, y, width, height, classes, area_share=1.0, agreement=1.0)


def test_boxes_in_pixels() -> None:
    assert cell(0.1, 0.2, 0.25, 0.5).box(100, 50) == Box(10, 10, 35, 35)
    assert cell(0.999, 0.999, 0.001, 0.001).box(10, 10) == Box(9, 9, 10, 10)
    assert cell(0, 0, 1, 1).box(7, 3) == Box(0, 0, 7, 3)
    assert cell(0, 0, 1e-6, 1e-6).box(7, 3) == Box(0, 0, 1, 1)


def test_label_and_subtype_of_a_cell_never_contradict() -> None:
    unsure = cell(0, 0, 1, 1, 0.4, 0.1, 0.3, 0.2)  # benign is the likeliest of four
    assert (unsure.label, unsure.subtype) == (Label.MALIGNANT, Subtype.PRE_B)
    assert unsure.probability == pytest.approx(0.6)
    even = cell(0, 0, 1, 1, 0.5, 0.5, 0.0, 0.0)
    assert (even.label, even.subtype) == (Label.BENIGN, Subtype.BENIGN)
