"""Computes the figures that are compared, from the parts that were measured; no part, no figure."""

from __future__ import annotations

import statistics
from typing import Any

BUSY, ALONE = 32, 1
"""Requests in flight at which servers are compared."""

OUR_WAY = "litserve_one_by_one"
"""A peer that computes batches as our backend does. It tells the servers apart from the backbones,
and is none of those that are to be beaten as their guides have them."""


def ratios(parts: dict[str, Any]) -> dict[str, Any]:
    """Return the figures by name."""
    engines, server, peers = (parts.get(part, {}) for part in ("engines", "server", "peers"))
    ensemble, cascade = (_at(server, name) for name in ("ensemble", "cascade"))
    rivals = {name: _at(peers, name) for name in peers if name != OUR_WAY}
    result: dict[str, Any] = {}
    ceiling = _median(engines.get("ceiling"), "images_per_second")
    keras = _median(engines.get("keras"), "images_per_second")
    bare = [one["decode_ms"] + one["networks_ms"] for one in engines.get("bare", [])]
    busy = _value(ensemble, BUSY, "images_per_second")
    busy_cascade = _value(cascade, BUSY, "images_per_second")
    best = _best(rivals, BUSY, "images_per_second", max)
    result["ensemble_over_ceiling"] = _ratio(busy, ceiling)
    result["ensemble_over_keras"] = _ratio(busy, keras)
    one_by_one = _median(engines.get("keras"), "batch_1")
    result["ensemble_over_keras_one_image_at_a_time"] = _ratio(busy, one_by_one)
    result["cascade_over_ensemble"] = _ratio(busy_cascade, busy)
    result["ensemble_over_best_peer"] = _ratio(busy, best)
    result["cascade_over_best_peer"] = _ratio(busy_cascade, best)
    our_way = _at(peers, OUR_WAY)
    for number in (ALONE, BUSY):
        result[f"ensemble_over_{OUR_WAY}_at_{number}"] = _ratio(
            _value(ensemble, number, "images_per_second"),
            _value(our_way, number, "images_per_second"),
        )
    for name, one in (("ensemble", ensemble), ("cascade", cascade)):
        for number in (ALONE, BUSY):
            result[f"{name}_p99_over_best_peer_at_{number}"] = _ratio(
                _value(one, number, "p99_ms"), _best(rivals, number, "p99_ms", min)
            )
        result[f"{name}_throughput_over_best_peer_at_1"] = _ratio(
            _value(one, ALONE, "images_per_second"),
            _best(rivals, ALONE, "images_per_second", max),
        )
    result["latency_over_bare"] = _ratio(
        _value(ensemble, ALONE, "p50_ms"), statistics.median(bare) if bare else None
    )
    result["server_memory_mb"] = _value(ensemble, BUSY, "server_pss_mb")
    result["peers_memory_mb"] = {
        name: _value(one, BUSY, "server_pss_mb") for name, one in rivals.items()
    } or None
    for name, pairs in parts.get("perf", {}).items():
        result[f"{name}_perf_analyzer_over_own_generator"] = statistics.median(
            pair["perf_analyzer"]["images/s"] / pair["ours"]["images_per_second"] for pair in pairs
        )
    result.update(parts.get("labels", {}))
    client = parts.get("client", {})
    result.update(client.get("ratios", {}))
    return {name: _rounded(value) for name, value in result.items() if value is not None}


def _at(part: dict[str, Any], name: str) -> dict[int, dict[str, Any]]:
    """Return medians over the rounds of one server's loads, by requests in flight."""
    by_number: dict[int, list[dict[str, Any]]] = {}
    for one_round in part.get(name, []):
        for load in one_round:
            by_number.setdefault(load["concurrency"], []).append(load)
    return {
        number: {
            key: statistics.median(load[key] for load in loads)
            for key in ("images_per_second", "p50_ms", "p90_ms", "p99_ms", "server_pss_mb")
            if all(load[key] is not None for load in loads)
        }
        for number, loads in by_number.items()
    }


def _median(rounds: list[dict[str, Any]] | None, key: str) -> float | None:
    return statistics.median(one[key] for one in rounds) if rounds else None


def _value(loads: dict[int, dict[str, Any]], number: int, key: str) -> float | None:
    return loads.get(number, {}).get(key)


def _best(rivals: dict[str, Any], number: int, key: str, best: Any) -> float | None:
    values = [value for one in rivals.values() if (value := _value(one, number, key)) is not None]
    return best(values) if values else None


def _ratio(over: float | None, under: float | None) -> float | None:
    return over / under if over is not None and under else None


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value
