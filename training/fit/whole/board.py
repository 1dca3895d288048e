"""Writes the history of a training for TensorBoard: ``tensorboard --logdir RUNS`` shows every run.

Written by tensorboardX, which needs neither TensorFlow nor torch; the ``tensorboard`` program that
reads the files is a package of its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

FOLDER = "tensorboard"


class Board:
    """Scalars of one training in ``out``/tensorboard, one point per epoch."""

    def __init__(self, out: Path, history: Sequence[dict[str, Any]] = ()) -> None:
        """Write the rows of earlier epochs, ``history``, again; older files go.

        So a run that was killed between checkpoint and board shows neither gaps nor points twice.
        """
        folder = out / FOLDER
        shutil.rmtree(folder, ignore_errors=True)
        self._writer = SummaryWriter(str(folder))
        for row in history:
            self.add(row)

    def add(self, row: dict[str, Any]) -> None:
        """Write the numbers of one epoch's row."""
        for name, value in row.items():
            if name != "epoch" and isinstance(value, int | float):
                self._writer.add_scalar(name, value, row["epoch"])
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
