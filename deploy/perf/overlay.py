"""Lays the settings of a machine over the configurations of a model repository.

An overlay is JSON: by model, any of

    {"instances": 2, "parameters": {"INFERENCE_NUM_THREADS": "1"},
     "preferred_batch_size": [8], "max_queue_delay_microseconds": 500}

A parameter of null is taken out. What an overlay does not name stays as the repository has it, and
the repository itself is never written: settings go into a copy.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

KEYS = {"instances", "parameters", "preferred_batch_size", "max_queue_delay_microseconds"}

Overlay = dict[str, dict[str, Any]]


def read(path: Path) -> Overlay:
    """Return the overlay in a file.

    Raises:
        ValueError: there is none; the message names the file.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} is no overlay ({error}); tune.py writes one") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} is no overlay: JSON by model is expected; tune.py writes one")
    return content


def copy(repository: Path, target: Path, overlay: Overlay) -> Path:
    """Return a copy of the repository with the overlay's settings.

    Raises:
        ValueError: a setting is unknown.
    """
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(repository, target, ignore=shutil.ignore_patterns("__pycache__"))
    for model, settings in overlay.items():
        path = target / model / "config.pbtxt"
        if not path.is_file():
            raise ValueError(f"the overlay names {model}, and {repository} has no such model")
        path.write_text(settled(path.read_text("utf-8"), model, settings), encoding="utf-8")
    return target


def settled(text: str, model: str, settings: dict[str, Any]) -> str:
    """Return the text of a config.pbtxt with the settings in it."""
    if unknown := set(settings) - KEYS:
        raise ValueError(f"{model}: unknown settings {sorted(unknown)}; known are {sorted(KEYS)}")
    config = text_format.Parse(text, model_config_pb2.ModelConfig())
    if "instances" in settings:
        for group in config.instance_group:
            group.count = settings["instances"]
    for name, value in settings.get("parameters", {}).items():
        if value is None:
            config.parameters.pop(name, None)
        else:
            config.parameters[name].string_value = value
    if "preferred_batch_size" in settings:
        config.dynamic_batching.preferred_batch_size[:] = settings["preferred_batch_size"]
    if "max_queue_delay_microseconds" in settings:
        delay = settings["max_queue_delay_microseconds"]
        config.dynamic_batching.max_queue_delay_microseconds = delay
    return str(text_format.MessageToString(config))


def merged(base: Overlay, change: Overlay) -> Overlay:
    """Merge two overlays; where they meet, ``change`` holds. Parameters are merged one by one."""
    result = {model: dict(settings) for model, settings in base.items()}
    for model, settings in change.items():
        merged_model = result.setdefault(model, {})
        for key, value in settings.items():
            merged_model[key] = (
                {**merged_model.get(key, {}), **value} if key == "parameters" else value
            )
    return result
