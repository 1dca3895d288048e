"""The pure functions that the served models run, imported from the repository itself.

Training, evaluation and serving decode and vote with the same files, so they cannot differ.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

MODEL_REPOSITORY = Path(__file__).resolve().parents[1] / "model_repository"


def load(model: str, module: str) -> ModuleType:
    """Import ``model_repository/<model>/1/<module>.py`` under its plain name, as Triton does."""
    if module in sys.modules:
        return sys.modules[module]
    path = MODEL_REPOSITORY / model / "1" / f"{module}.py"
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # for the modules beside it
    spec = importlib.util.spec_from_file_location(module, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(f"{path} is missing; training needs a full checkout of the project")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[module] = loaded
    try:
        spec.loader.exec_module(loaded)
    except BaseException:
        del sys.modules[module]
        raise
    return loaded


def pixels() -> ModuleType:
    return load("preprocess", "pixels")


def majority() -> ModuleType:
    return load("vote", "majority")
