from __future__ import annotations

import math

import pytest

from training.report import numbers


@pytest.mark.parametrize(
    ("value", "interval", "text"),
    [
        (0.9613, (0.93, 0.9822), "96.1% (93.0-98.2)"),
        (0.9613, None, "96.1%"),
        (1.0, (0.99961, 1.0), "100.0% (>99.9-100.0)"),
        (0.0, None, "0.0%"),
        (0.00012, None, "<0.1%"),
        (None, (0.1, 0.2), "not measured"),
        (math.nan, None, "not measured"),
        (0.5, (None, 0.6), "50.0%"),
    ],
)
def test_shares_have_one_decimal_and_never_look_surer_than_they_are(value, interval, text) -> None:
    assert numbers.share(value, interval) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3_228_864, "3.23 M"),
        (999_600, "1.00 M"),
        (579e6, "579 M"),
        (5.104, "5.10"),
        (48.0, "48.0"),
        (0.5565, "0.556"),
        (9.996, "10.0"),
        (0, "0"),
        (None, "not measured"),
    ],
)
def test_numbers_have_three_digits(value, text: str) -> None:
    assert numbers.number(value) == text


def test_other_forms() -> None:
    assert numbers.decimal(0.99961, (0.9, 0.99999)) == ">0.999 (0.900->0.999)"
    assert numbers.decimal(-0.1, (-0.2, 0.05)) == "-0.100 (-0.200 to 0.050)"
    assert numbers.points(0.0124, (-0.003, 0.024)) == "+1.2 points (-0.3 to +2.4)"
    assert numbers.size(6_465_928) == "6.47 MB"
    assert numbers.size(512) == "512 B"
    assert numbers.count(2743) == "2,743"
    assert [numbers.p_value(each) for each in (0.0004, 0.0123, 0.33, None)] == [
        "p < 0.001",
        "p = 0.012",
        "p = 0.33",
        "not measured",
    ]
    assert "up to 4.1%" in numbers.none_failed(73)
