"""Imports the pure modules of the model repository from the files that Triton serves.

``served.pixels`` decodes a field and ``served.majority`` makes a vote of logits, as the server
does, so that training, conversion and serving cannot differ. Importing this module puts the folders
of the repository's Python models on ``sys.path``, as Triton does; each pure module is loaded at its
first use.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

MODEL_REPOSITORY = Path(__file__).resolve().parents[1] / "model_repository"
POLICY = MODEL_REPOSITORY / "vote" / "1" / "policy.json"
"""The review policy that is served."""

FOLDERS = tuple(
    MODEL_REPOSITORY / model / "1" for model in ("preprocess", "vote", "cells", "all_cascade")
)

sys.path.extend(str(folder) for folder in FOLDERS if str(folder) not in sys.path)


def temperature(repository: Path = MODEL_REPOSITORY) -> dict[str, float]:
    """What the logits of each backbone are divided by where single cells are read."""
    values: dict[str, float] = json.loads(_temperature(repository).read_text(encoding="utf-8"))
    return values


def hand_on_temperature(policy: Path) -> None:
    """Give the temperatures of a policy to the model of single cells beside it.

    Does nothing where the policy does not lie in a model repository.
    """
    vote = policy.resolve().parents[1]
    path = _temperature(vote.parent)
    if vote.name == "vote" and path.parent.is_dir():
        values = json.loads(policy.read_text(encoding="utf-8"))["temperature"]
        path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _temperature(repository: Path) -> Path:
    return repository / "cells" / "1" / "temperature.json"


if TYPE_CHECKING:
    import majority as majority
    import pixels as pixels
    import smear_evidence as smear_evidence
    import smear_features as smear_features
    import smear_frame as smear_frame
    import smear_heat as smear_heat
    import smear_leukocytes as smear_leukocytes
    import smear_nuclei as smear_nuclei
    import smear_part as smear_part
else:

    def __getattr__(name: str) -> ModuleType:
        """Return the pure module ``name``.

        Raises:
            AttributeError: the model repository has no such module.
            FileNotFoundError: there is no model repository beside this file.
        """
        if not MODEL_REPOSITORY.is_dir():
            raise FileNotFoundError(
                f"{MODEL_REPOSITORY} is missing: training and conversion need a full checkout of "
                "the project; run the command in one"
            )
        if not any((folder / f"{name}.py").is_file() for folder in FOLDERS):
            raise AttributeError(f"{MODEL_REPOSITORY} has no module {name!r}")
        return importlib.import_module(name)
