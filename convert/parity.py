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

from convert import artifacts, limits, served
from convert.images import Fields

Pixels = npt.NDArray[np.uint8]
Answers = dict[str, npt.NDArray[np.float32]]


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
    from convert import openvino_ir as ir

    ready = ir.compiled(ir.read(folder, pixels.shape[1]), "f32")
    return ir.run(ready, pixels), _computed(ir.computed_in(ready))


def _openvino(hint: str) -> Callable[[Path, Pixels], tuple[Answers, str]]:
    def run(folder: Path, pixels: Pixels) -> tuple[Answers, str]:
        from convert import openvino_ir as ir

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
        from convert import onnx_file

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


def compare(
    masters: dict[str, Path],
    built: Path,
    chosen: Sequence[Way],
    fields: Fields,
    say: Callable[[str], None],
) -> list[Row]:
    """Every chosen way for every backbone, then for the vote where all three are there.

    Args:
        masters: backbone to master.
        built: folder of <backbone>/<artifact>/.

    Raises:
        ArtifactError: an artifact is missing, broken or of another master.
    """
    from convert import master as keras_masters

    plans = [
        (name, way, _checked(masters[name], built, name, way)) for name in masters for way in chosen
    ]
    expected: dict[str, Answers] = {}
    for name, path in masters.items():
        say(f"{name}: Keras")
        expected[name] = keras_masters.answers(keras_masters.load(path), fields.pixels)
    rows, found = [], {}
    for name, way, record in plans:
        precision = str(record.get("precision", ""))
        say(f"{name}: {way.name}")
        answers, computed = way.run(built / name / way.folder, fields.pixels)
        found[name, way.name] = answers
        limit = limits.HALF if "INT8" not in precision and way.limit is limits.INT8 else way.limit
        apart = limits.distance(
            limits.softmax(answers["LOGITS"]),
            limits.softmax(expected[name]["LOGITS"]),
            fields.classes,
            margin=fields.margin,
        )
        held_back = bool(record.get("held_back"))
        rows.append(
            Row(
                name,
                way.name,
                precision,
                computed,
                apart,
                limit,
                apart.misses(limit),
                held_back,
            )
        )
    backbones = served.majority().BACKBONES
    if all(name in masters for name in backbones):
        of_keras = _votes([expected[name] for name in backbones], fields)
        for way in chosen:
            mine = _votes([found[name, way.name] for name in backbones], fields)
            apart = limits.distance(
                mine.probabilities,
                of_keras.probabilities,
                fields.classes,
                (mine.subtypes, of_keras.subtypes),
                fields.margin,
            )
            held_back = any(row.held_back for row in rows if row.way == way.name)
            misses = apart.misses(way.vote_limit)
            rows.append(
                Row(limits.VOTE, way.name, "", "", apart, way.vote_limit, misses, held_back)
            )
    return rows


class _Votes(NamedTuple):
    probabilities: npt.NDArray[np.float64]
    subtypes: npt.NDArray[np.int64]


def _votes(three: Sequence[Answers], fields: Fields) -> _Votes:
    majority = served.majority()
    policy = majority.Policy.load(served.MODEL_REPOSITORY / "vote" / "1" / "policy.json")
    decisions = [
        majority.decide(
            np.stack([one["LOGITS"][row] for one in three]),
            [one["CAM"][row] for one in three],
            fields.quality[row],
            policy,
        )
        for row in range(len(fields))
    ]
    return _Votes(
        np.stack([one.probabilities for one in decisions]).astype(np.float64),
        np.array([majority.SUBTYPES.index(one.subtype) for one in decisions], np.int64),
    )


def _checked(master: Path, built: Path, backbone: str, way: Way) -> dict[str, Any]:
    command = way.command.format(backbone)
    return artifacts.check(built / backbone / way.folder, way.kind, master, command)
