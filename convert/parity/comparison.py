"""The same images through Keras and through every artifact made of it.

An artifact is judged where it is: read from its folder, after ``artifacts.check`` found that its
record holds. Its answers are compared as probabilities, for each backbone and for the vote of
three.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from convert import artifacts, limits
from convert.images import Fields
from convert.parity import parity_vote
from toolkit import served

Pixels = npt.NDArray[np.uint8]
Answers = parity_vote.Answers


class Way(NamedTuple):
    """One way to run one artifact."""

    name: str
    """In the table and in parity.json."""
    folder: str
    """Of the artifact, below that of its backbone."""
    kind: str
    command: str
    """Makes it; {} stands for the backbone."""
    run: Callable[[Path, Pixels], tuple[Answers, str]]
    """Answers, and what they were computed in."""
    limit: limits.Limit
    vote_limit: limits.Limit


@dataclass(frozen=True)
class Row:
    """One artifact of one backbone, or of the vote."""

    backbone: str
    way: str
    precision: str
    """What the artifact's record says it is."""
    computed: str
    """What really ran here."""
    distance: limits.Distance
    limit: limits.Limit
    misses: list[str] = field(default_factory=list)
    held_back: bool = False
    """Its record says that it answers too differently to be served: shown, and no failure."""


def _tensorflow(folder: Path, pixels: Pixels) -> tuple[Answers, str]:
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(folder))
        serve = loaded.signatures["serving_default"]
    except (OSError, KeyError, ValueError) as error:
        raise artifacts.ArtifactError(f"{folder} cannot be run by TensorFlow: {error}") from error
    parts = [serve(PIXELS=tf.constant(pixels[at : at + 16])) for at in range(0, len(pixels), 16)]
    answers = {
        name: np.concatenate([part[name].numpy() for part in parts]) for name in ("LOGITS", "CAM")
    }
    return answers, "TensorFlow, FP32"


def _openvino_savedmodel(folder: Path, pixels: Pixels) -> tuple[Answers, str]:
    from convert.openvino import openvino_ir as ir

    ready = ir.compiled(ir.read(folder, pixels.shape[1]), "f32")
    return ir.run(ready, pixels), _computed(ir.computed_in(ready))


def _openvino(hint: str) -> Callable[[Path, Pixels], tuple[Answers, str]]:
    def run(folder: Path, pixels: Pixels) -> tuple[Answers, str]:
        from convert.openvino import openvino_ir as ir

        try:
            ready = ir.compiled(folder / "model.xml", hint)
        except RuntimeError as error:
            first = str(error).strip().splitlines()[-1]
            raise artifacts.ArtifactError(
                f"{folder / 'model.xml'} cannot be read by OpenVINO: {first}"
            ) from error
        return ir.run(ready, pixels), _computed(ir.computed_in(ready))

    return run


def _onnx(provider: str) -> Callable[[Path, Pixels], tuple[Answers, str]]:
    def run(folder: Path, pixels: Pixels) -> tuple[Answers, str]:
        from convert.onnx import onnx_file

        model = onnx_file.load(folder / "model.onnx", "python -m convert onnx")
        ready = onnx_file.session(model, [provider])
        return onnx_file.run(ready, pixels), f"ONNX Runtime, {ready.get_providers()[0]}"

    return run


def _computed(counts: dict[str, int]) -> str:
    return "OpenVINO, " + ", ".join(f"{n} layers in {p}" for p, n in sorted(counts.items()))


def _onnx_ways(suffix: str, provider: str) -> Iterator[Way]:
    make = "python -m convert onnx --backbone {} --precision "
    with_data = " --data FOLDER"
    cpu = _onnx(provider)
    yield Way(f"onnx{suffix}", "onnx", "onnx", make + "fp32", cpu, limits.EXACT, limits.EXACT)
    for precision, limit, vote in (
        ("fp16", limits.HALF, limits.HALF),
        ("int8", limits.INT8, limits.INT8_VOTE),
    ):
        kind = f"onnx_{precision}"
        yield Way(kind + suffix, kind, kind, make + precision + with_data, cpu, limit, vote)


_SAVEDMODEL: Final = (
    "model.saved_model",
    "savedmodel",
    "python -m convert savedmodel --backbone {}",
)
_IR: Final = "python -m convert openvino --backbone {{}} --data FOLDER --precision {}"

CPU: Final = (
    Way("savedmodel", *_SAVEDMODEL, _tensorflow, limits.EXACT, limits.EXACT),
    Way("openvino_fp32", *_SAVEDMODEL, _openvino_savedmodel, limits.EXACT, limits.EXACT),
    *_onnx_ways("", "CPUExecutionProvider"),
    *(
        Way(f"openvino_{name}", f"openvino_{name}", f"openvino_{name}", _IR.format(name), run, *two)
        for name, run, two in (
            ("fp16", _openvino("f32"), (limits.HALF, limits.HALF)),
            ("bf16", _openvino("bf16"), (limits.HALF, limits.HALF)),
            ("int8", _openvino("f32"), (limits.INT8, limits.INT8_VOTE)),
        )
    ),
)


def ways() -> list[Way]:
    """Every way that this machine has: those of the CPU, and ONNX Runtime's on a GPU."""
    import onnxruntime

    there = onnxruntime.get_available_providers()
    gpu = {"_cuda": "CUDAExecutionProvider", "_tensorrt": "TensorrtExecutionProvider"}
    return [
        *CPU,
        *(
            way
            for suffix, provider in gpu.items()
            if provider in there
            for way in _onnx_ways(suffix, provider)
        ),
    ]


class Comparison(NamedTuple):
    """Everything that ``compare`` found."""

    rows: list[Row]
    readings: list[parity_vote.Readings]
    """Of the vote, a way and a source of fields each; empty where a backbone is missing."""


class Artifact(NamedTuple):
    """One artifact of one backbone whose record holds."""

    backbone: str
    way: Way
    folder: Path
    record: dict[str, Any]


def locate(masters: dict[str, Path], built: Path, chosen: Sequence[Way]) -> list[Artifact]:
    """What is to be compared: every chosen way's artifact of every backbone.

    Args:
        masters: backbone to master.
        built: folder of <backbone>/<artifact>/.

    Raises:
        ArtifactError: an artifact is missing, broken or of another master.
    """
    there = []
    for name, master in masters.items():
        for way in chosen:
            folder = built / name / way.folder
            record = artifacts.check(folder, way.kind, master, way.command.format(name))
            there.append(Artifact(name, way, folder, record))
    return there


def compare(
    masters: dict[str, Path],
    judged: Sequence[Artifact],
    fields: Fields,
    say: Callable[[str], None],
    others: Fields | None = None,
) -> Comparison:
    """Every artifact against its master, then each way's vote where all three are there.

    Args:
        masters: backbone to master.
        judged: as ``locate`` gives them.
        others: fields of other origin, for the vote's readings alone.

    Raises:
        ArtifactError: an artifact cannot be run.
    """
    from convert import master as keras_masters

    sources = [fields] if others is None else [fields, others]
    pixels = np.concatenate([source.pixels for source in sources])
    expected: dict[str, Answers] = {}
    for name, path in masters.items():
        say(f"{name}: Keras")
        expected[name] = keras_masters.answers(keras_masters.load(path), pixels)
    rows, given = [], {}
    for name, way, folder, record in judged:
        precision = str(record.get("precision", ""))
        say(f"{name}: {way.name}")
        answers, computed = way.run(folder, pixels)
        given[name, way.name] = answers
        limit = limits.HALF if "INT8" not in precision and way.limit is limits.INT8 else way.limit
        mine, keras = (one["LOGITS"][: len(fields)] for one in (answers, expected[name]))
        apart = limits.of_logits(mine, keras, fields.classes, fields.margin)
        misses, held_back = apart.misses(limit), bool(record.get("held_back"))
        rows.append(Row(name, way.name, precision, computed, apart, limit, misses, held_back))
    readings: list[parity_vote.Readings] = []
    backbones = served.majority.BACKBONES
    start = 0
    for source in sources if all(name in masters for name in backbones) else []:
        here = slice(start, start := start + len(source))
        of_keras = _decisions([expected[name] for name in backbones], here, source)
        for way in dict.fromkeys(one.way for one in judged):
            decided = _decisions([given[name, way.name] for name in backbones], here, source)
            readings.append(parity_vote.readings(way.name, decided, of_keras, source.source))
            if source is not fields:
                continue
            apart = parity_vote.distance(decided, of_keras, source)
            held_back = any(row.held_back for row in rows if row.way == way.name)
            misses, limit = apart.misses(way.vote_limit), way.vote_limit
            rows.append(Row(limits.VOTE, way.name, "", "", apart, limit, misses, held_back))
    return Comparison(rows, readings)


def _decisions(three: Sequence[Answers], rows: slice, source: Fields) -> list[Any]:
    taken = [{name: values[rows] for name, values in one.items()} for one in three]
    return parity_vote.decide(taken, source)
