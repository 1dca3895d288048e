from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from allclient.web import demo
from allclient.web.program import Program
from samples import render
from tests.unit.web.conftest import Visitor
from tests.waiting import until


def test_one_click_makes_a_case_that_is_read(working: Program, anna: Visitor) -> None:
    assert 'action="/demo"' in anna.get("/").text
    answer = anna.form("/demo")
    assert answer.status_code == 303
    path = answer.headers["location"]
    until(lambda: anna.ask("GET", path).json()["count"]["answered"] == 6, "six answers")
    assert demo.NAME in anna.get(path).text
    assert 'action="/demo"' not in anna.get("/").text


def test_nobody_else_makes_it(anna: Visitor) -> None:
    anna.csrf = "0" * 64
    assert anna.form("/demo").status_code == 403


@pytest.mark.parametrize("number", range(6))
def test_its_fields_are_those_that_a_program_draws(number: int) -> None:
    drawn = list(render.images(count=number + 1))[number]
    path = demo.DRAWN / f"{drawn.name}.jpg"
    encoded = Image.open(io.BytesIO(render.encode(drawn.image)))
    with Image.open(path) as kept:
        assert kept.getexif()[270] == render.MARK
        # Another libjpeg may round in another way.
        distance = np.abs(np.asarray(kept, np.int16) - np.asarray(encoded, np.int16))
    assert distance.mean() < 1
