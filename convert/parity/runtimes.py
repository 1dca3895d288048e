"""Lists every way to run an artifact that is compared: its runtime, its folder, its limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from convert import artifacts, limits

Pixels = npt.NDArray[np.uint8]
Answers = dict[str, npt.NDArray[np.float32]]


class Runtime(NamedTuple):
    """One runtime with one kind of artifact."""

    name: str
    """In the table and in parity.json."""
    folder: str
    """The artifact's folder, below that of its backbone."""
    kind: str
    command: str
    """Makes it; {} stands for the backbone."""
    run: Callable[[Path, Pixels], tuple[Answers, str]]
    """Answers, and what they were computed in."""
    limit: limits.Limit
    vote_limit: limits.Limit


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


def _onnx_runtimes(suffix: str, provider: str) -> Iterator[Runtime]:
    make = "python -m convert onnx --backbone {} --precision "
    with_data = " --data FOLDER"
    cpu = _onnx(provider)
    yield Runtime(f"onnx{suffix}", "onnx", "onnx", make + "fp32", cpu, limits.EXACT, limits.EXACT)
    for precision, limit, vote in (
        ("fp16", limits.HALF, limits.HALF),
        ("int8", limits.INT8, limits.INT8_VOTE),
    ):
        kind = f"onnx_{precision}"
        yield Runtime(kind + suffix, kind, kind, make + precision + with_data, cpu, limit, vote)


_SAVEDMODEL: Final = (
    "model.saved_model",
    "savedmodel",
    "python -m convert savedmodel --backbone {}",
)
_IR: Final = "python -m convert openvino --backbone {{}} --data FOLDER --precision {}"

CPU: Final = (
    Runtime("savedmodel", *_SAVEDMODEL, _tensorflow, limits.EXACT, limits.EXACT),
    Runtime("openvino_fp32", *_SAVEDMODEL, _openvino_savedmodel, limits.EXACT, limits.EXACT),
    *_onnx_runtimes("", "CPUExecutionProvider"),
    *(
        Runtime(
            f"openvino_{name}", f"openvino_{name}", f"openvino_{name}", _IR.format(name), run, *two
        )
        for name, run, two in (
            ("fp16", _openvino("f32"), (limits.HALF, limits.HALF)),
            ("bf16", _openvino("bf16"), (limits.HALF, limits.HALF)),
            ("int8", _openvino("f32"), (limits.INT8, limits.INT8_VOTE)),
        )
    ),
)


def runtimes() -> list[Runtime]:
    """Return every runtime that this machine has: those of the CPU, and ONNX Runtime's on a GPU."""
    import onnxruntime

    providers = onnxruntime.get_available_providers()
    gpu = {"_cuda": "CUDAExecutionProvider", "_tensorrt": "TensorrtExecutionProvider"}
    return [
        *CPU,
        *(
            runtime
            for suffix, provider in gpu.items()
            if provider in providers
            for runtime in _onnx_runtimes(suffix, provider)
        ),
    ]
