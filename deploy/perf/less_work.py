"""Measures what it would save to compute only the leukocytes of a field.

    python deploy/perf/less_work.py areas   --data FOLDER
    python deploy/perf/less_work.py times   --data FOLDER
    python deploy/perf/less_work.py answers --data FOLDER --every 2

``areas``: the share of a field that is left, by way and margin. ``times``: milliseconds of
processor time of each released backbone at several sizes, on one thread, in turns. ``answers``: the
released heads on packed fields against whole ones, and heads fitted anew to either. Each prints one
JSON object. FOLDER is a data set with a split.csv. docs/log.md has the figures.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import openvino as ov
import packing

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # for toolkit/ and training/

from toolkit import served  # noqa: E402
from training.data import samples as data  # noqa: E402
from training.fit.release import discriminant  # noqa: E402
from training.metrics import classification  # noqa: E402

Array = npt.NDArray[Any]

BACKBONES: Final = ("mobilenet", "xception", "inception_v3")
SIDE: Final = 224
SIZES: Final = ((224, 224), (160, 224), (160, 160), (112, 224), (112, 112))
CLASSES: Final = len(served.majority.SUBTYPES)
BLANK_FROM: Final = 245
"""A pixel whose channels all reach this level counts for nothing in a head's averages."""
RIDGE: Final = {"mobilenet": 300.0, "xception": 300.0, "inception_v3": 30.0}
"""The ridge that each released head was fitted with."""

FIGURES: Final = {"four classes": "accuracy", "balanced": "binary_balanced_accuracy"}

PAIRS: Final = (("Benign-S01", "Early-S01"), ("Benign-S02", "Early-S02"), ("Benign-S03", "Pre-S02"))
"""Slides of known data that are left out together."""


def main() -> None:
    """Measure what the command line names, and print it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["areas", "times", "answers"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--every", type=int, default=1, help="Only each so many-th field.")
    parser.add_argument("--block", type=int, default=4, help="Pixels; for answers.")
    parser.add_argument("--visible-below", type=int, default=BLANK_FROM, help="For answers.")
    options = parser.parse_args()
    fields = data.every(options.data)[:: options.every]
    if options.what == "answers":
        results = answers(fields, options.block, options.visible_below)
    else:
        results = {"areas": areas, "times": times}[options.what](fields)
    print(json.dumps(results, indent=2))


def areas(fields: Sequence[data.Sample]) -> dict[str, Any]:
    """Return mean shares of a field, and milliseconds to pack one."""
    pixels, _ = data.decode(fields)
    shares: dict[str, list[float]] = {}
    packed: dict[str, list[tuple[float, float]]] = {}
    for one in pixels:
        eighths = packing.occupied(one, 8)
        for margin in (0, 1, 2, 3, 6):
            name = f"margin {8 * margin}"
            shares.setdefault(f"blocks, {name}", []).append(
                float(packing.grown(eighths, margin).mean())
            )
            shares.setdefault(f"bands, {name}", []).append(packing.bands(eighths, margin))
            shares.setdefault(f"rectangle, {name}", []).append(packing.rectangle(eighths, margin))
        for block, gap, below in ((8, 1, 255), (4, 1, 255), (4, 1, BLANK_FROM), (4, 2, BLANK_FROM)):
            begun = time.thread_time()
            layout = packing.packed(packing.occupied(one, block, below), gap, sides(block))
            spent = 1000 * (time.thread_time() - begun)
            name = f"packed, blocks of {block}, gap {gap * block}, visible below {below}"
            packed.setdefault(name, []).append(((layout.side * block / SIDE) ** 2, spent))
    return {
        **{name: round(statistics.mean(each), 3) for name, each in shares.items()},
        **{
            name: {
                "share": round(statistics.mean(share for share, _ in each), 3),
                "ms": round(statistics.median(spent for _, spent in each), 2),
            }
            for name, each in packed.items()
        },
    }


def times(fields: Sequence[data.Sample], rounds: int = 25) -> dict[str, Any]:
    """Return median milliseconds of each backbone at each size, compiled for it and for any."""
    pixels, _ = data.decode(fields[:rounds])
    runs: dict[tuple[str, str], Callable[[Array], Any]] = {}
    for name in BACKBONES:
        free = _compiled(_model(name), None)
        for high, wide in SIZES:
            ways = {"static": _compiled(_model(name), (high, wide)), "dynamic": free}
            for way, compiled in ways.items():
                runs[f"{name} {way}", f"{high}x{wide}"] = _run(compiled, high, wide)
    spent: dict[tuple[str, str], list[float]] = {each: [] for each in runs}
    for one in pixels:
        for key, run in runs.items():
            begun = time.process_time()
            run(one)
            spent[key].append(1000 * (time.process_time() - begun))
    table: dict[str, dict[str, float]] = {}
    for (name, size), each in spent.items():
        table.setdefault(name, {})[size] = round(statistics.median(each[3:]), 2)
    return table


def sides(block: int) -> range:
    """Return sides of squares in blocks: 64, 80, ... 208 pixels.

    The coarsest maps have one place for 16 pixels.
    """
    return range(64 // block, SIDE // block, 16 // block)


def answers(fields: Sequence[data.Sample], block: int, visible_below: int) -> dict[str, Any]:
    """Return how far answers on packed fields, a block apart, are from those on whole ones."""
    whole, _ = data.decode(fields)
    small = [
        packing.canvas(
            one,
            block,
            packing.packed(packing.occupied(one, block, visible_below), 1, sides(block)),
        )
        for one in whole
    ]
    results: dict[str, Any] = {
        "fields": len(fields),
        "share": round(statistics.mean(len(one) ** 2 / SIDE**2 for one in small), 3),
    }
    test = np.array([sample.part == "test" for sample in fields])
    targets = np.array([sample.target for sample in fields])
    votes: dict[str, list[Array]] = {"whole": [], "packed": []}
    for name in BACKBONES:
        seen = {"whole": _described(name, list(whole)), "packed": _described(name, small)}
        (before, _), (after, _) = seen.values()
        results[name] = {
            "logits apart": round(float(np.abs(before - after).mean()), 3),
            "equal class": round(float((before.argmax(1) == after.argmax(1)).mean()), 4),
            **{
                f"{way}, released head, four classes of the test part": round(
                    float((logits.argmax(1) == targets)[test].mean()), 4
                )
                for way, (logits, _) in seen.items()
            },
            **{
                f"{way}, fitted to {way} fields": fitted(name, features, fields)
                for way, (_, features) in seen.items()
            },
        }
        print(f"{name}: {json.dumps(results[name])}", file=sys.stderr, flush=True)
        for way, (logits, _) in seen.items():
            votes[way].append(logits.argmax(1) > 0)
    labels = {way: np.sum(each, axis=0) > 1 for way, each in votes.items()}
    results["equal label of the vote"] = float((labels["whole"] == labels["packed"]).mean())
    return results


def fitted(name: str, features: Array, fields: Sequence[data.Sample]) -> dict[str, Any]:
    """Return what a new head of a backbone scores, one view a field, known slides and unknown."""
    parts = np.array([sample.part for sample in fields])
    guard = np.array([sample.guard for sample in fields])
    splits = {"known slides": ((parts != "test") & ~guard, parts == "test")}
    slides = np.array([sample.slide for sample in fields])
    for pair in PAIRS:
        out = np.isin(slides, pair)
        splits[" and ".join(pair)] = (~out, out)
    targets = np.array([sample.target for sample in fields])
    scores = {}
    for split, (train, test) in splits.items():
        known = [sample for sample, used in zip(fields, train, strict=True) if used]
        kernel, bias = discriminant.fit(features[train][:, None], known, RIDGE[name])
        score = classification.scores(targets[test], (features[test] @ kernel + bias).argmax(1))
        scores[split] = {
            figure: None if score[key] is None else round(score[key], 4)
            for figure, key in FIGURES.items()
        }
    return scores


def _model(name: str) -> ov.Model:
    return ov.Core().read_model(ROOT / "model_repository" / name / "1" / "model.xml")


def _compiled(model: ov.Model, size: tuple[int, int] | None) -> ov.CompiledModel:
    """Compile for one thread, and for images of one size or of any."""
    model.reshape([1, *(size or (-1, -1)), 3])
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": "1",
        "ENABLE_CPU_PINNING": "NO",
    }
    return ov.compile_model(model, "CPU", settings)


def _run(compiled: ov.CompiledModel, high: int, wide: int) -> Callable[[Array], Any]:
    request = compiled.create_infer_request()

    def run(pixels: Array) -> Any:
        part = np.ascontiguousarray(pixels[None, :high, :wide])
        return request.infer({"PIXELS": part}, share_inputs=True)

    return run


def _described(name: str, images: Sequence[Array]) -> tuple[Array, Array]:
    """Return logits [n, 4] and what the head sees [n, channels]: means over leukocytes."""
    model = _model(name)
    heads = [
        op.input_value(0)
        for op in model.get_ordered_ops()
        if op.get_type_name() == "Convolution" and op.get_output_partial_shape(0)[1] == CLASSES
    ]
    # Branches of one map and the squares of the map have a head each; one map counts once.
    maps = list({(one.get_node().get_name(), one.get_index()): one for one in heads}.values())
    ends = [model.output("LOGITS").get_node().input_value(0), *maps]
    compiled = _compiled(ov.Model(ends, model.get_parameters(), name), None)
    logits, features = [], []
    for pixels in images:
        first, *seen = (np.array(one[0]) for one in compiled(pixels[None]).values())
        logits.append(first)
        features.append(np.concatenate([(one * _weight(pixels, one)).sum((1, 2)) for one in seen]))
    return np.array(logits), np.array(features, np.float32)


def _weight(pixels: Array, features: Array) -> Array:
    """Return how much of all that is seen each place of a map [channels, k, k] has, sum 1."""
    side = features.shape[1]
    step = len(pixels) // side
    cut = (len(pixels) - step * side) // 2
    seen = (pixels.min(axis=2) < BLANK_FROM)[cut : cut + step * side, cut : cut + step * side]
    shares = seen.reshape(side, step, side, step).mean(axis=(1, 3))
    return np.asarray(shares / max(shares.sum(), 1e-6))


if __name__ == "__main__":
    main()
