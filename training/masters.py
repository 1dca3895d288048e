"""Masters: the trained models as they are stored, and the record that goes with them.

A master is an ordinary ``.keras`` file whose convolution and dense kernels are stored as float16:
``keras.saving.load_model`` reads it into a float32 model. Everything downstream (scores,
calibration, conversion) starts from the stored file, so the rounding is part of the model.
"""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from subprocess import run
from typing import Any

import h5py
import keras
import numpy as np

from allclient.contract import Backbone
from training import backbones

WEIGHTS = "model.weights.h5"
PACKAGES = ("keras", "tensorflow", "tensorflow-cpu", "numpy", "pillow")


def save(
    path: Path, backbone: Backbone, weights: list[np.ndarray], **options: float
) -> keras.Model:
    """Store ``weights`` as the 224 pixel model; returns the model as read back from the file."""
    served = backbones.build(backbone, **options).served
    served.set_weights(weights)
    whole = path.with_name(f"{path.stem}.whole.keras")
    served.save(whole)
    _halve(whole, path)
    whole.unlink()
    return load(path)


def load(path: Path) -> keras.Model:
    """The served model of a master, float32, PIXELS to LOGITS and CAM."""
    return keras.saving.load_model(path, compile=False)


def _halve(source: Path, target: Path) -> None:
    """Copy a .keras archive with kernels as float16.

    Vectors (biases and batch statistics) stay float32: they are small, and a variance may lie
    outside of what float16 holds.
    """
    scratch = target.with_suffix(".h5")
    temporary = target.with_suffix(".tmp")
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(temporary, "w") as halved:
        for name in archive.namelist():
            content = archive.read(name)
            if name == WEIGHTS:
                scratch.write_bytes(content)
                content = _halve_kernels(scratch)
            halved.writestr(name, content, zipfile.ZIP_DEFLATED)
    temporary.replace(target)


def _halve_kernels(scratch: Path) -> bytes:
    copy = scratch.with_suffix(".half.h5")
    with h5py.File(scratch) as whole, h5py.File(copy, "w") as half:

        def carry(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                half.require_group(name).attrs.update(item.attrs)
            else:
                kernel = item.ndim >= 2 and item.dtype == np.float32
                half[name] = item[()].astype(np.float16) if kernel else item[()]
                half[name].attrs.update(item.attrs)

        half.attrs.update(whole.attrs)
        whole.visititems(carry)
    content = copy.read_bytes()
    scratch.unlink()
    copy.unlink()
    return content


def record(**content: Any) -> dict[str, Any]:
    """``content`` with the time, the commit and the versions it was made with."""
    return {
        **content,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "git_commit": _commit(),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
    }


def write_record(path: Path, content: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


def _commit() -> str:
    here = Path(__file__).resolve().parent
    found = run(
        ["git", "-C", str(here), "rev-parse", "HEAD"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "unknown"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except ModuleNotFoundError:
        return None
