"""Builds an engine with its record from a checked ONNX file; the builder itself is tensorrt_api."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from convert import artifacts
from convert.tensorrt import engines

Build = Callable[[bytes, str, tuple[int, ...], tuple[int, int, int], bytes], tuple[bytes, bytes]]
"""A function like ``tensorrt_api.build``."""


def this_machine() -> engines.Machine:
    """Return the GPU and the TensorRT of this machine.

    Raises:
        EngineError: one of them is not.
    """
    try:
        from convert.tensorrt import tensorrt_api
    except ModuleNotFoundError as error:
        raise engines.EngineError(str(error)) from error
    return engines.machine(tensorrt_api.version())


def engine(
    backbone: str,
    master: Path,
    precision: str,
    built: Path,
    into: Path,
    machine: engines.Machine,
    *,
    check: bool,
    build: Build | None = None,
) -> str:
    """Build or check one engine; return what happened, for the user.

    Raises:
        EngineError, ArtifactError, OnnxError, BuildError: see there.
    """
    plan = into / backbone / "tensorrt" / engines.name(backbone, precision, machine)
    try:
        record = engines.check(plan, machine, master, backbone, precision)
    except engines.EngineError:
        if check:
            raise
    else:
        made_of, present = record.get("onnx"), _files(built / backbone / f"onnx_{precision}")
        if present in (None, made_of):
            return f"{plan} fits"
        if check:
            raise engines.EngineError(
                f"{plan} was built of another ONNX file than the one in {built / backbone}; "
                f"build it anew: {engines.command(backbone, precision)}"
            )
    onnx, about = _source(backbone, master, precision, built)
    cache = into / f"timing-{machine.slug}.cache"
    known = cache.read_bytes() if cache.is_file() else b""
    if build is None:
        from convert.tensorrt import tensorrt_api

        build = tensorrt_api.build
    batches = engines.MIN_BATCH, engines.USUAL_BATCH, engines.MAX_BATCH
    content, times = build(onnx, "PIXELS", _shape(onnx), batches, known)
    engines.write(plan, content, backbone, precision, machine, about)
    cache.write_bytes(times)
    return f"{plan} built ({len(content) / 1e6:.1f} MB)"


def _source(
    backbone: str, master: Path, precision: str, built: Path
) -> tuple[bytes, dict[str, Any]]:
    from convert.onnx import onnx_file

    kind = f"onnx_{precision}"
    command = f"python -m convert onnx --backbone {backbone} --precision {precision} --data FOLDER"
    folder = built / backbone / kind
    about = artifacts.check(folder, kind, master, command)
    if about.get("held_back"):
        raise engines.EngineError(
            f"{folder / 'model.onnx'} answers too differently from {master.name} to be served "
            f"({'; '.join(about['held_back'])}); "
            + (
                f"build FP16: {engines.command(backbone, 'fp16')}"
                if precision != "fp16"
                else f"serve ONNX in FP32: python -m convert onnx --backbone {backbone}"
            )
        )
    path = folder / "model.onnx"
    onnx_file.load(path, command)
    return path.read_bytes(), about


def _files(folder: Path) -> Any:
    """Return the hashes in the record of an ONNX model, or None where there is none."""
    try:
        return artifacts.read(folder, "")["files"]
    except artifacts.ArtifactError:
        return None


def _shape(onnx: bytes) -> tuple[int, ...]:
    """Return the shape of one image, as the model's PIXELS say."""
    import onnx as library

    model = library.load_from_string(onnx)
    return tuple(one.dim_value for one in model.graph.input[0].type.tensor_type.shape.dim[1:])
