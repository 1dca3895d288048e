"""Makes TensorFlow SavedModels, the exact exported models."""

from __future__ import annotations

import shutil
from pathlib import Path

from convert import making
from convert import master as masters


def make(master: Path, folder: Path) -> None:
    """Write a SavedModel; an older one in ``folder`` is replaced whole.

    Raises:
        MasterError: see ``convert.master.load``.
        ConversionError: ``folder`` holds something else.
    """
    model = masters.load(master)
    if folder.exists():
        if any(folder.iterdir()) and not (folder / "saved_model.pb").is_file():
            raise making.ConversionError(
                f"{folder} is not empty and holds no SavedModel; nothing was written: "
                "name another folder with --out"
            )
        shutil.rmtree(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    masters.export(model, folder)
    names = sorted(path.name for path in folder.iterdir())
    making.record(folder, "savedmodel", names, master, "FP32")
