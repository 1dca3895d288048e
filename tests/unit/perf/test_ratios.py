"""Each figure is what its name says, and is left out where its part was not measured."""

from __future__ import annotations

import pytest
import ratios


def load(concurrency: int, rate: float, p99: float = 10.0) -> dict[str, object]:
    return {
        "concurrency": concurrency,
        "images_per_second": rate,
        "p50_ms": p99 / 2,
        "p90_ms": p99,
        "p99_ms": p99,
        "server_pss_mb": 100.0,
    }


def server(alone: float, busy: float, p99: float) -> list[list[dict[str, object]]]:
    """Three rounds; one of them far off, as on a machine that was disturbed."""
    return [[load(1, alone, p99), load(32, busy, 4 * p99)]] * 2 + [[load(1, 1), load(32, 1)]]


FOUND = {
    "engines": {
        "ceiling": [{"images_per_second": value} for value in (100.0, 100.0, 5.0)],
        "keras": [{"images_per_second": 8.0, "batch_1": 4.0}],
        "bare": [{"decode_ms": 1.0, "networks_ms": 4.0}],
    },
    "server": {"ensemble": server(50, 96, 12.0), "cascade": server(100, 192, 8.0)},
    "peers": {"one": server(40, 80, 24.0), "other": server(60, 60, 16.0)},
}


def test_throughput_is_compared_by_medians_and_with_the_best_peer_at_each_load() -> None:
    found = ratios.ratios(FOUND)
    assert found["ensemble_over_ceiling"] == pytest.approx(0.96)
    assert found["ensemble_over_keras"] == pytest.approx(12)
    assert found["ensemble_over_keras_one_image_at_a_time"] == pytest.approx(24)
    assert found["cascade_over_ensemble"] == pytest.approx(2)
    assert found["ensemble_over_best_peer"] == pytest.approx(96 / 80)
    assert found["cascade_over_best_peer"] == pytest.approx(192 / 80)
    assert found["ensemble_throughput_over_best_peer_at_1"] == pytest.approx(50 / 60, abs=1e-4)
    assert found["ensemble_p99_over_best_peer_at_1"] == pytest.approx(12 / 16)
    assert found["cascade_p99_over_best_peer_at_32"] == pytest.approx(8 / 16)
    assert found["latency_over_bare"] == pytest.approx(6 / 5)


def test_a_peer_with_our_way_of_computing_batches_is_compared_apart() -> None:
    peers = {**FOUND["peers"], "litserve_one_by_one": server(100, 120, 1.0)}
    found = ratios.ratios({**FOUND, "peers": peers})
    assert found == {
        **ratios.ratios(FOUND),
        "ensemble_over_litserve_one_by_one_at_1": pytest.approx(50 / 100),
        "ensemble_over_litserve_one_by_one_at_32": pytest.approx(96 / 120),
    }


def test_no_part_no_figure() -> None:
    assert ratios.ratios({}) == {}
    assert set(ratios.ratios({"server": FOUND["server"]})) == {
        "cascade_over_ensemble",
        "server_memory_mb",
    }


def test_labels_and_client_bring_their_own() -> None:
    found = ratios.ratios(
        {"labels": {"cascade_labels_equal": True}, "client": {"ratios": {"help_s": 0.123456}}}
    )
    assert found == {"cascade_labels_equal": True, "help_s": 0.1235}
