"""Writes a model repository that is complete for the flavours asked for, and tries it."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from allclient import release
from allclient.contract import BACKBONES, MODELS, Backbone
from allclient.local import golden
from convert import artifacts
from convert.repository import inspection
from convert.repository.flavours import DEFAULT, FLAVOURS, Flavour, config
from convert.tensorrt import engine_build, engines
from toolkit import served
from toolkit.served import MODEL_REPOSITORY

BUILD = Path("build/convert")
MASTERS = Path(__file__).resolve().parents[2] / "training" / "masters"
RECORD = "repository.json"
"""At the top of a written repository: what is in it. Triton looks at folders alone."""

VERSION = "1"
PLAN_PRECISION = "fp16"
"""Precision of the engines that are served."""

GOLDEN = 6
"""Drawn fields whose answers a checked repository carries."""

_GOLDEN_HEIGHT = 300
_GPU_DEVICES = ("/dev/nvidiactl", "/dev/dxg")
"""What the driver makes on Linux, and in a Linux of Windows."""


class RepositoryError(ValueError):
    """The folder to write cannot be a repository."""


def write(
    out: Path,
    flavours: Sequence[Flavour],
    built: Path | None = None,
    *,
    source: Path = MODEL_REPOSITORY,
    masters: Path = MASTERS,
    policy: Path | None = None,
) -> None:
    """Copy ``source`` to ``out`` and put the artifacts of ``flavours`` where they belong.

    Args:
        out: a new or empty folder, or one that this function wrote before, which is replaced
            model by model.
        built: where the commands put the artifacts; by default BUILD, and for the default
            flavour the version folders of ``source`` itself.
        policy: review policy of the vote instead of the one in ``source``.

    Raises:
        ArtifactError, EngineError: one is missing, wrong, of another master, of drawn fields, or
            a plan for another machine; nothing was written.
        RepositoryError: ``out`` holds something else.
        PolicyError: the vote would not load ``policy``.
    """
    if policy is not None:
        served.majority.Policy.load(policy)
    artifacts_of = {
        (flavour, backbone): locate(flavour, backbone, built, source, masters)
        for flavour in flavours
        for backbone in BACKBONES
    }
    _claim(out, source)
    record = {
        "flavours": [flavour.name for flavour in flavours],
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "complete": False,
    }
    (out / golden.FILE).unlink(missing_ok=True)
    _write_record(out, record)
    with _staging(out) as stage:
        for model in MODELS:
            shutil.copytree(source / model, stage / model, ignore=_left_out)
        for (_, backbone), files in artifacts_of.items():
            for name, path in files.items():
                _copy(path, stage / backbone.value / VERSION / name)
        if policy is not None:
            own = stage / "vote" / VERSION / "policy.json"
            shutil.copyfile(policy, own)
            served.hand_on_temperature(own)
        for model in MODELS:
            if (out / model).exists():
                shutil.rmtree(out / model)
            (stage / model).rename(out / model)
    record["release"] = release.stamp(out)
    record["complete"] = True
    record["sha256"] = {
        f"{backbone.value}/{flavour.artifact}": _hash(
            out / backbone.value / VERSION / flavour.artifact
        )
        for flavour, backbone in artifacts_of
    }
    _write_record(out, record)


def check(out: Path, flavour: Flavour) -> str:
    """Load a written repository in the embedded server, and write its golden answers.

    Returns:
        A sentence on what was tried, and what this machine cannot try.

    Raises:
        AllclientError: it does not load or does not answer.
    """
    from allclient.local import LocalServer

    if flavour.backend == "tensorrt":
        return (
            f"{flavour.name}: files are complete; not loaded, because the embedded server has no "
            "TensorRT (the container has: deploy/docker/README.md)"
        )
    if flavour.gpu and not any(Path(device).exists() for device in _GPU_DEVICES):
        with on_cpu(out, flavour) as copy, LocalServer(copy, flavour.name):
            return (
                f"{flavour.name}: loaded on the CPU and answered an image; its GPU providers were "
                "not tried, because there is no NVIDIA GPU here"
            )
    with LocalServer(out, flavour.name) as server:
        golden.record(out, server.grpc_address, drawn_fields())
        providers = "".join(f"; {name}: {how}" for name, how in server.providers().items())
        return f"{flavour.name}: loaded and answered {GOLDEN} fields ({golden.FILE}){providers}"


def drawn_fields() -> dict[str, bytes]:
    """Return small drawn fields by name: those of the golden answers."""
    from samples import render

    drawn = render.images(count=GOLDEN, height=_GOLDEN_HEIGHT)
    return {one.name: render.encode(one.image) for one in drawn}


@contextmanager
def on_cpu(repository: Path, flavour: Flavour) -> Iterator[Path]:
    """Make a copy of a repository that serves a GPU flavour's files on the CPU."""
    with tempfile.TemporaryDirectory(prefix="convert-") as folder:
        copy = Path(folder) / "models"
        shutil.copytree(repository, copy)
        for backbone in BACKBONES:
            height, width, _ = MODELS[backbone.value].outputs["CAM"].shape
            path = flavour.config(copy / backbone.value)
            path.write_text(config(flavour, backbone, (height, width), on_cpu=True), "utf-8")
        yield copy


def locate(
    flavour: Flavour, backbone: Backbone, built: Path | None, source: Path, masters: Path
) -> dict[str, Path]:
    """Return where the files of one voter lie, by their names in the version folder.

    All of them have been checked.

    Raises:
        ArtifactError, EngineError: see ``write``.
    """
    master = masters / f"{backbone.value}.keras"
    if built is None and flavour.name == DEFAULT:
        folder = source / backbone.value / VERSION
        files = {name: folder / name for name in flavour.files}
        inspection.verify(flavour, backbone, files)
        return files | _record(folder / artifacts.RECORD, artifacts.RECORD)
    folder = (built or BUILD) / backbone.value / flavour.built
    if flavour.backend == "tensorrt":
        plan = _plan(backbone, folder, master)
        return {flavour.artifact: plan} | _record(
            engines.record_of(plan), f"{flavour.artifact}.json"
        )
    if flavour.artifact == flavour.built:
        files = {flavour.artifact: folder}
    else:
        files = {name: folder / name for name in flavour.files}
    inspection.verify(flavour, backbone, files)
    kind = flavour.command if flavour.artifact == flavour.built else flavour.built
    record = artifacts.check(folder, kind, master, flavour.makes)
    _fit_to_serve(folder, record, flavour.makes)
    if flavour.artifact == flavour.built:
        return files  # the record lies in the folder itself
    name = artifacts.RECORD if flavour.name == DEFAULT else f"{flavour.artifact}.json"
    return files | _record(folder / artifacts.RECORD, name)


def _plan(backbone: Backbone, folder: Path, master: Path) -> Path:
    """Return the engine for this machine; every other is refused."""
    machine = engine_build.this_machine()
    plan = folder / engines.name(backbone.value, PLAN_PRECISION, machine)
    record = engines.check(plan, machine, master, backbone.value, PLAN_PRECISION)
    onnx = f"python -m convert onnx --backbone {backbone.value} --precision {PLAN_PRECISION}"
    build = engines.command(backbone.value, PLAN_PRECISION)
    _fit_to_serve(plan, record, f"{onnx} --data FOLDER, then {build}")
    return plan


def _fit_to_serve(path: Path, record: dict[str, Any], mend: str) -> None:
    """Check that an artifact was fitted to real fields and is near enough to its master.

    Raises:
        ArtifactError: it is not fit to be served.
    """
    if record.get("for_serving") is False:
        why = "; ".join(record.get("held_back", [])) or (
            "was fitted to drawn fields, expected fields of the training data"
        )
        raise artifacts.ArtifactError(f"{path} is not for serving: {why}; mend it: {mend}")


def _record(path: Path, name: str) -> dict[str, Path]:
    return {name: path} if path.is_file() else {}


def _claim(out: Path, source: Path) -> None:
    if out.resolve() == source.resolve():
        raise RepositoryError(f"{out} is the repository that is copied; write to another folder")
    if out.exists() and not out.is_dir():
        raise RepositoryError(f"{out} is a file; a folder is needed")
    if out.is_dir() and any(out.iterdir()) and not (out / RECORD).is_file():
        raise RepositoryError(
            f"{out} is not empty and has no {RECORD}, so this command did not write it; "
            "name a new folder, or empty it"
        )
    out.mkdir(parents=True, exist_ok=True)


@contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """Make a folder on the file system of ``out``, which may be a mount of its own."""
    stage = Path(tempfile.mkdtemp(prefix=".writing-", dir=out))
    try:
        yield stage
    finally:
        shutil.rmtree(stage)


def _left_out(folder: str, names: list[str]) -> set[str]:
    """Leave out artifacts, which are put in one by one, and caches, which stay where they are."""
    of_voters = {name for flavour in FLAVOURS.values() for name in flavour.files}
    voters = {backbone.value for backbone in BACKBONES}
    of_voter = Path(folder).name == VERSION and Path(folder).parent.name in voters
    return {
        name
        for name in names
        if name == "__pycache__" or (of_voter and name in {*of_voters, artifacts.RECORD})
    }


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def _hash(path: Path) -> str:
    """Return SHA-256 of a file, or of a folder's files in order of their names."""
    if path.is_file():
        return artifacts.sha256(path)
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _write_record(out: Path, record: dict[str, object]) -> None:
    (out / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
