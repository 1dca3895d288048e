"""Stores named arrays in one file, written whole or not at all."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


class PredictionsError(ValueError):
    """Predictions are missing, damaged or inconsistent; the message names the file."""


def write(path: Path, content: Mapping[str, Any]) -> Path:
    """Write ``path`` over what was there; the same arrays give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:  # a file, since NumPy would append .npz to a name
        np.savez_compressed(file, **content)
    temporary.replace(path)
    return path


@contextlib.contextmanager
def read(path: Path) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Open the arrays of a file.

    Raises:
        PredictionsError: whatever is wrong with them, also inside the ``with``; it names the file.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            content = {name: stored[name] for name in stored.files}
        yield content
    except FileNotFoundError:
        raise PredictionsError(
            f"{path} is missing; python -m training evaluate --save writes it"
        ) from None
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise PredictionsError(f"{path} is no file of predictions: {error}") from error
