"""Reads and writes masters: the trained models as they are stored, and the record of each.

A master is an ordinary ``.keras`` file whose convolution and dense kernels are stored as float16:
``keras.saving.load_model`` reads it into a float32 model. Everything downstream (scores,
calibration, conversion) starts from the stored file, so the rounding is part of the model.
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import numpy.typing as npt

from allclient.contract import BACKBONES, Backbone
from training.models import backbones

WEIGHTS = "model.weights.h5"


def save(
    path: Path, backbone: Backbone | str, weights: list[npt.NDArray[Any]], **options: Any
) -> keras.Model:
    """Store ``weights`` as the 224 pixel model; return the model as read back from the file.

    ``options`` are those of ``backbones.build`` that make up the served graph, such as ``taps``.
    """
    served = backbones.build(backbone, **options).served
    served.set_weights(weights)
    whole = path.with_name(f"{path.stem}.whole.keras")
    served.save(whole)
    _halve(whole, path)
    whole.unlink()
    return load(path)


def load(path: Path) -> keras.Model:
    """Return the served model of a master, float32, PIXELS to LOGITS and CAM."""
    return keras.saving.load_model(path, compile=False)


def _halve(source: Path, target: Path) -> None:
    """Copy a .keras archive with kernels as float16.

    Vectors (biases and batch statistics) stay float32: they are small, and a variance may lie
    outside of what float16 holds. So does a kernel with a value beyond it, which would be infinite:
    a head that was fitted on few images can have one.
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
                values = item[()]
                half[name] = values.astype(np.float16) if _fits_half(item) else values
                half[name].attrs.update(item.attrs)

        half.attrs.update(whole.attrs)
        whole.visititems(carry)
    content = copy.read_bytes()
    scratch.unlink()
    copy.unlink()
    return content


def _fits_half(item: h5py.Dataset) -> bool:
    kernel = item.ndim >= 2 and item.dtype == np.float32
    return kernel and bool(np.abs(item[()]).max() <= np.finfo(np.float16).max)


def find(places: Sequence[Path]) -> list[Path]:
    """Return the three masters, in the order of BACKBONES, among files and folders.

    A folder is searched for ``<backbone>.keras`` and ``<backbone>/<backbone>.keras``.

    Raises:
        FileNotFoundError: one of the three is missing; the message says which.
    """
    return [_one(backbone, places) for backbone in BACKBONES]


def _one(backbone: Backbone, places: Sequence[Path]) -> Path:
    name = f"{backbone.value}.keras"
    for place in places:
        for path in (place, place / name, place / backbone.value / name):
            if path.name == name and path.is_file():
                return path
    looked = ", ".join(str(place) for place in places)
    raise FileNotFoundError(f"no {name} in {looked}; python -m training fit makes it")
