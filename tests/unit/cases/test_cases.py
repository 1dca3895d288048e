from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import allclient
from allclient.cases import CASE_COLUMNS, NO_CASE, Case, CaseBy, CaseLabel, CaseReason, Cases
from allclient.cases.formats import case_csv, case_json, case_table
from allclient.cases.interval import MIN_FIELDS, Share, share_of
from allclient.cases.rule import judge
from allclient.contract import Subtype
from allclient.errors import ConfigurationError, ImageRejectedError
from allclient.report import Row, row_of
from allclient.result import Outcome
from tests.unit.client.test_report import BENIGN_CELL, MALIGNANT_CELL, RESULT

PROBABILITIES = dict(zip(Subtype, (0.97, 0.01, 0.01, 0.01), strict=True))
CLEAR = replace(RESULT, review=(), cells=(MALIGNANT_CELL,) * 4)
BENIGN = replace(
    CLEAR,
    label=Subtype.BENIGN.label,
    subtype=Subtype.BENIGN,
    probabilities=PROBABILITIES,
    cells=(BENIGN_CELL,) * 4,
)
REVIEW = replace(RESULT, cells=(MALIGNANT_CELL, BENIGN_CELL))
FAILED = Outcome("torn.jpg", error=ImageRejectedError("ends early", code="image_truncated"))


def fields(**results: int) -> list[Outcome]:
    """So many outcomes of each kind, with names of their own."""
    kinds = {"clear": CLEAR, "benign": BENIGN, "review": REVIEW}
    made: list[Outcome] = []
    for kind, count in results.items():
        made += [Outcome(f"{kind}-{number}.jpg", kinds[kind]) for number in range(count)]
    return made


def test_summary() -> None:
    case = allclient.summarize([*fields(clear=6, benign=1, review=2), FAILED], name="P12")
    assert isinstance(case, Case)
    assert (case.name, case.fields, case.failed, case.to_review) == ("P12", 9, 1, 2)
    assert (case.malignant_fields, case.benign_fields) == (8, 1)
    assert case.subtypes == {**dict.fromkeys(Subtype, 0), Subtype.PRE_B: 8, Subtype.BENIGN: 1}
    assert (case.leukocytes, case.malignant_leukocytes) == (32, 26)
    assert case.malignant_share is not None
    assert case.malignant_share.value == 26 / 32
    assert [look.file for look in case.look_first][:2] == ["review-0.jpg", "review-1.jpg"]
    assert len(case.look_first) == 5
    assert (case.label, case.reasons) == (
        CaseLabel.REVIEW,
        (CaseReason.UNCLEAR_FIELDS, CaseReason.FIELDS_DIFFER),
    )


def test_no_field_at_all() -> None:
    for outcomes, failed in (([], 0), ([FAILED], 1)):
        case = allclient.summarize(outcomes)
        assert (case.fields, case.failed, case.malignant_share) == (0, failed, None)
        assert (case.label, case.reasons) == (CaseLabel.REVIEW, (CaseReason.NO_FIELDS,))


def test_outcomes_without_cells_have_a_case_without_leukocytes() -> None:
    case = allclient.summarize([Outcome("a", replace(CLEAR, cells=None))] * 5)
    assert case.leukocytes is case.malignant_leukocytes is case.malignant_share is None
    assert case.label is CaseLabel.MALIGNANT


def test_bytes_are_no_name() -> None:
    case = allclient.summarize([Outcome(b"\xff" * 1000, REVIEW)])
    assert case.look_first[0].file == "(1000 bytes)"


def test_a_case_is_made_of_outcomes() -> None:
    with pytest.raises(ConfigurationError, match="as classify_many gives them, not Result"):
        allclient.summarize([CLEAR])  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("outcomes", "label", "reasons"),
    [
        (fields(clear=5), "malignant", []),
        (fields(benign=5), "benign", []),
        (fields(clear=4), "review", ["few_fields"]),
        (fields(benign=20, clear=1), "review", ["fields_differ"]),
        (fields(benign=20, review=1), "review", ["fields_differ"]),
        (fields(benign=8, review=2), "review", ["fields_differ"]),
        (fields(clear=8, review=2), "malignant", []),
        (fields(clear=7, review=2), "review", ["unclear_fields"]),
        ([*fields(benign=7), FAILED, FAILED], "review", ["unclear_fields"]),
        ([*fields(benign=8), FAILED, FAILED], "benign", []),
        (fields(clear=9, benign=1), "malignant", []),
        (fields(clear=8, benign=1), "review", ["fields_differ"]),
        (fields(review=9), "review", ["few_fields", "unclear_fields", "cells_differ"]),
        ([Outcome("x", replace(BENIGN, cells=CLEAR.cells))] * 9, "review", ["cells_differ"]),
        ([Outcome("x", replace(CLEAR, cells=REVIEW.cells))] * 9, "review", ["cells_differ"]),
    ],
)
def test_the_rule(outcomes: list[Outcome], label: str, reasons: list[str]) -> None:
    case = allclient.summarize(outcomes)
    assert case.label.value == label
    assert [reason.value for reason in case.reasons] == reasons


COUNTS = st.integers(0, 60)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_rule_is_cautious(
    benign_clear: int, malignant_clear: int, benign_more: int, malignant_more: int, failed: int
) -> None:
    label, reasons = judge(
        benign=benign_clear + benign_more,
        malignant=malignant_clear + malignant_more,
        benign_clear=benign_clear,
        malignant_clear=malignant_clear,
        failed=failed,
        share=None,
    )
    assert (label is CaseLabel.REVIEW) == bool(reasons)
    unclear = benign_more + malignant_more + failed
    if label is not CaseLabel.REVIEW:
        assert benign_clear + malignant_clear >= MIN_FIELDS
        assert unclear <= 0.2 * (unclear + benign_clear + malignant_clear)
    if label is CaseLabel.BENIGN:
        assert not malignant_clear + malignant_more
    if label is CaseLabel.MALIGNANT:
        assert malignant_clear + malignant_more >= 9 * (benign_clear + benign_more)


def test_no_interval_of_few_fields() -> None:
    assert share_of(Counter()) is None
    assert share_of(Counter({(0, 0): 50})) is None
    assert share_of(Counter({(2, 4): 1})) == Share(0.5, None, None)
    assert share_of(Counter({(2, 4): 4, (0, 0): 50})) == Share(0.5, None, None)
    five = share_of(Counter({(2, 4): 5}))
    assert five is not None
    assert five.low is not None


def test_fields_that_are_all_alike_are_not_certain() -> None:
    share = share_of(Counter({(4, 4): 5}))
    assert share is not None
    assert share.value == share.high == 1
    assert share.low == pytest.approx(0.839, abs=0.001)  # Wilson's, 20 of 20


def test_the_interval_is_the_same_each_time_and_of_a_million_fields_too() -> None:
    few = Counter({(1, 5): 3, (4, 6): 4, (2, 2): 3})
    assert share_of(few) == share_of(Counter(dict(reversed(few.items()))))
    many = share_of(Counter({pair: times * 100_000 for pair, times in few.items()}))
    one = share_of(few)
    assert one is not None
    assert many is not None
    assert one.value == many.value
    assert many.low == pytest.approx(many.value, abs=0.002)


def test_the_interval_holds_the_truth_where_cells_of_a_field_are_alike() -> None:
    """Fields of 12 cells whose own share scatters (beta, intraclass correlation 0.2)."""
    rng = np.random.default_rng(3)
    for fields_of_case, least in ((MIN_FIELDS, 0.90), (20, 0.92)):
        held = 0
        for _ in range(200):
            shares = rng.beta(0.3 * 4, 0.7 * 4, fields_of_case)
            share = share_of(Counter((int(m), 12) for m in rng.binomial(12, shares)))
            assert share is not None
            assert share.low is not None
            assert share.high is not None
            held += share.low <= 0.3 <= share.high
        assert held >= least * 200


@pytest.mark.parametrize(
    ("how", "file", "case"),
    [
        ("folder", "slides/P12/a.png", "slides/P12"),
        ("folder", "a.png", "."),
        ("folder", "/a.png", "/"),
        ("all", "slides/P12/a.png", "all"),
        ("{case}/*", "slides/P12/a.png", "P12"),
        ("{case}/*", "/slides/P12/a.png", "P12"),
        ("{case}/*/*", "slides/P12/day 1/a.png", "P12"),
        ("{case}_*", "slides/P12/S1_003_b.png", "S1"),
        ("{case}-*.png", "P-1-2.png", "P"),
        ("*-{case}.png", "a-b.png", "b"),
        ("*-{case}.png", "a-b-c.png", "b-c"),
        ("drawn-*-{case}-*", "out/drawn-002-red-cells-blue.png", "red"),
        ("{case}.*", "a.b.png", "a"),
        ("slides/{case}/*", "lab/slides/P1/x.png", "P1"),
        ("{case}_*", "slides/no-underscore.png", NO_CASE),
        ("{case}_*", "P1_slides/none.png", NO_CASE),
        ("lides/{case}/*", "slides/P1/x.png", NO_CASE),
        ("[{case}](*", "[P1](+.png", "P1"),
        ("{case}_*", "two\nlines_1.png", "two\nlines"),
    ],
)
def test_the_case_of_a_file(how: str, file: str, case: str) -> None:
    assert CaseBy(how).case_of(file) == case


@pytest.mark.parametrize("how", ["", "*.png", "{case}/{case}", "folders", "{Case}_*"])
def test_a_pattern_that_names_no_case_is_refused(how: str) -> None:
    with pytest.raises(ConfigurationError, match=r"holds \{case\} once"):
        CaseBy(how)


def rows(**names: int) -> list[Row]:
    return [
        row_of(Outcome(f"{name}/{number}.jpg", CLEAR))
        for name, count in names.items()
        for number in range(count)
    ]


def test_cases_keep_apart_and_in_order() -> None:
    cases = Cases(CaseBy())
    for row in [*rows(b=2), *rows(a=3), *rows(b=1)]:
        cases.add(row)
    assert [(case.name, case.fields) for case in cases.cases()] == [("b", 3), ("a", 3)]


def test_formats() -> None:
    case = allclient.summarize([*fields(clear=8, review=1), FAILED], name="=evil\nname")
    (line,) = case_json([case])
    record = json.loads(line)
    assert tuple(record) == CASE_COLUMNS
    assert (record["case"], record["label"], record["failed"]) == ("=evil\nname", "malignant", 1)
    assert record["malignant_share"] == pytest.approx(33 / 34, abs=1e-6)
    assert 0.8 < record["malignant_share_low"] < record["malignant_share"]
    (row,) = csv.DictReader(io.StringIO(b"".join(case_csv([case])).decode(), newline=""))
    assert tuple(row) == CASE_COLUMNS
    assert (row["case"], row["fields_pre_b"]) == ("'=evil\nname", "9")
    assert row["look_first"].split("\n")[0] == "review-0.jpg"


def test_the_table_shows_no_control_characters_and_counts_the_rest() -> None:
    case = allclient.summarize(fields(benign=5), name="a\x1b[31m")
    text = case_table([case] * 25)
    assert "\x1b" not in text
    assert "benign" in text
    assert text.splitlines()[-1].startswith("... and 5 more")
    assert "blast" not in text
