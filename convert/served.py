"""The pure files of the model repository: what decodes a field, and what makes a vote of logits.

Conversion imports the very files that serve, so that it cannot judge anything else.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

MODEL_REPOSITORY = Path(__file__).resolve().parents[1] / "model_repository"


def pixels() -> ModuleType:
    """``preprocess/1/pixels.py``: file bytes to what the backbones see."""
    return _load("preprocess", "pixels")


def majority() -> ModuleType:
    """``vote/1/majority.py``: three answers to one."""
    return _load("vote", "majority")


def _load(model: str, name: str) -> ModuleType:
    if name not in sys.modules:
        path = MODEL_REPOSITORY / model / "1" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None or not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing; conversion needs a full checkout of the project"
            )
        sys.path.append(str(path.parent))  # for the modules beside it
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]
