"""What the cascade says of the backbone that it did not ask, and what nobody may leave out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from allclient import Backbone, Outcome, Subtype
from allclient.contract import CASCADE, ENSEMBLE
from allclient.errors import ProtocolError
from allclient.report import Csv, JsonLines, Table, row_of
from tests.unit.client.kserve import MALIGNANT_ANSWER, PRE_B, Answer, KServe

NOT_ASKED = (0.0, 0.0, 0.0, 0.0)
TWO = replace(
    MALIGNANT_ANSWER,
    votes=("pre_b", "not_run", "pre_b"),
    backbone_probabilities=(PRE_B, NOT_ASKED, PRE_B),
)


def test_two_votes_are_two_votes(server: KServe, connect: Any) -> None:
    server.respond = lambda _: TWO
    client = connect(server, model=CASCADE)
    assert client.call("health").ok
    result = client.classify(b"field")
    pair = (Backbone.MOBILENET, Backbone.INCEPTION_V3)
    assert result.votes == dict.fromkeys(pair, Subtype.PRE_B)
    assert tuple(result.backbone_probabilities) == pair


def test_every_format_says_that_a_vote_is_not_there(server: KServe, connect: Any) -> None:
    server.respond = lambda _: TWO
    result = connect(server, model=CASCADE).classify(b"field")
    row = row_of(Outcome("field.jpg", result))
    assert row.votes == {"mobilenet": "pre_b", "xception": "not_run", "inception_v3": "pre_b"}
    for form in (Csv(), JsonLines(), Table()):
        assert b"not_run" in form.line(row)


ONE_EACH = ("benign", "not_run", "pre_b")
WRONG: dict[str, tuple[str, Answer]] = {
    "the ensemble leaves none out": (ENSEMBLE, TWO),
    "two that differ": (CASCADE, replace(TWO, votes=ONE_EACH)),
    "one alone": (CASCADE, replace(TWO, votes=("not_run", "not_run", "pre_b"))),
    "none": (CASCADE, replace(TWO, votes=("not_run",) * 3)),
    "another word": (CASCADE, replace(TWO, votes=("pre_b", "", "pre_b"))),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_decides_nothing_is_no_answer(case: str, server: KServe, connect: Any) -> None:
    model, answer = WRONG[case]
    server.respond = lambda _: answer
    with pytest.raises(ProtocolError, match=r"VOTES holds|decide nothing"):
        connect(server, model=model).classify(b"field")


def test_the_command_line_asks_the_model_named(server: KServe, connect: Callable[..., Any]) -> None:
    from allclient.cli.options import make_client

    options: Any = dict.fromkeys(("tls", "tls_ca", "tls_cert", "tls_key", "token_file"))
    server.respond = lambda _: TWO
    with make_client(server.address, options, timeout=5, model=CASCADE) as client:
        assert len(client.classify(b"field").votes) == 2
