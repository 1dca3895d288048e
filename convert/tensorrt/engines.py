"""Handles TensorRT engines as files: their names, their records, and who may load them.

An engine holds code for one GPU, chosen by one TensorRT. Loaded elsewhere it fails late, or runs
slower than it should; so it is refused first, and the error says how to build one that fits.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from convert import artifacts

PRECISIONS: Final = ("fp16", "int8")
MIN_BATCH, USUAL_BATCH, MAX_BATCH = 1, 16, 64
"""Batch sizes of the optimisation profile; MAX_BATCH is max_batch_size of the model repository."""

QUERY: Final = (
    "nvidia-smi",
    "--query-gpu=name,compute_cap,driver_version",
    "--format=csv,noheader",
)


class EngineError(ValueError):
    """The engine is not for this machine, not of this master, or cannot be built here."""


@dataclass(frozen=True)
class Machine:
    """What an engine depends on: the GPU, its compute capability and TensorRT."""

    gpu: str
    """Name as the driver gives it, for example "NVIDIA H100 80GB HBM3"."""
    compute_capability: str
    """For example "9.0"."""
    driver: str
    tensorrt: str

    @property
    def slug(self) -> str:
        """The machine as a part of a file name."""
        gpu = re.sub(r"[^a-z0-9]+", "-", self.gpu.lower()).strip("-")
        return f"{gpu}-sm{self.compute_capability.replace('.', '')}-trt{self.tensorrt}"


def _ask(command: tuple[str, ...]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


def machine(tensorrt: str, ask: Callable[[tuple[str, ...]], str] = _ask) -> Machine:
    """Return this machine, with its first GPU.

    Raises:
        EngineError: no NVIDIA GPU, or no driver that says so.
    """
    try:
        lines = ask(QUERY).strip().splitlines()
        gpu, capability, driver = (part.strip() for part in lines[0].split(","))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError) as error:
        raise EngineError(
            f"no NVIDIA GPU answers here ({QUERY[0]}: {error}); an engine can only be built on the "
            "GPU that runs it. Without one, serve ONNX or OpenVINO: python -m convert onnx --all"
        ) from error
    return Machine(gpu, capability, driver, tensorrt)


def name(backbone: str, precision: str, gpu: Machine) -> str:
    """Return the file name of an engine, which names everything that it depends on.

    An example is ``mobilenet-fp16-nvidia-h100-80gb-hbm3-sm90-trt10.13.3.9.plan``.
    """
    return f"{backbone}-{precision}-{gpu.slug}.plan"


def command(backbone: str, precision: str) -> str:
    """Return the command that builds an engine."""
    return f"python -m convert tensorrt --backbone {backbone} --precision {precision}"


def record_of(plan: Path) -> Path:
    """Return the record beside an engine."""
    return plan.with_suffix(".json")


def write(
    plan: Path, content: bytes, backbone: str, precision: str, gpu: Machine, about: dict[str, Any]
) -> None:
    """Write the engine and its record.

    ``about`` is the ``artifacts`` record of the ONNX file that it was built of.
    """
    plan.parent.mkdir(parents=True, exist_ok=True)
    plan.write_bytes(content)
    record = {
        "artifact": "tensorrt",
        "backbone": backbone,
        "precision": precision,
        "machine": asdict(gpu),
        "batch": {"min": MIN_BATCH, "opt": USUAL_BATCH, "max": MAX_BATCH},
        "master": about["master"],
        "onnx": about["files"],
        "for_serving": about.get("for_serving"),
        "sha256": artifacts.sha256(plan),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    record_of(plan).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def check(plan: Path, gpu: Machine, master: Path, backbone: str, precision: str) -> dict[str, Any]:
    """Return the record of an engine that may be loaded here.

    Raises:
        EngineError: it is missing, broken, of another master, or was built for something else than
            this machine; the message names every difference and the command that mends it.
    """
    mend = f"build it here: {command(backbone, precision)}"
    beside = record_of(plan)
    for path in (plan, beside):
        if not path.is_file():
            raise EngineError(f"{path} is missing; {mend}")
    try:
        record = json.loads(beside.read_text(encoding="utf-8"))
        built = Machine(**record["machine"])
        hashes = str(record["sha256"]), str(record["master"]["sha256"])
        kind = record["artifact"], record["backbone"], record["precision"]
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(f"{beside} is no record of an engine ({error!r}); {mend}") from error
    if kind != ("tensorrt", backbone, precision):
        raise EngineError(
            f"{plan} is {' '.join(map(str, kind))}, expected tensorrt {backbone} {precision}; "
            f"{mend}"
        )
    differences = [
        f"{what} {actual}, here {expected}"
        for what, actual, expected in (
            ("GPU", built.gpu, gpu.gpu),
            ("compute capability", built.compute_capability, gpu.compute_capability),
            ("TensorRT", built.tensorrt, gpu.tensorrt),
        )
        if actual != expected
    ]
    if differences:
        raise EngineError(f"{plan} was built elsewhere: {'; '.join(differences)}; {mend}")
    if (digest := artifacts.sha256(master)) != hashes[1]:
        raise EngineError(
            f"{plan} was built of a master with sha256 {hashes[1][:12]}, expected {digest[:12]}, "
            f"that of {master}; make the ONNX file anew (python -m convert onnx --backbone "
            f"{backbone} --precision {precision} --data FOLDER), then {mend}"
        )
    if (actual := artifacts.sha256(plan)) != hashes[0]:
        raise EngineError(
            f"{plan} has sha256 {actual[:12]}, but its record says {hashes[0][:12]}: it was "
            f"changed or cut after it was built; {mend}"
        )
    return dict(record)
