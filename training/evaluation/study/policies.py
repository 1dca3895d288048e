"""Chooses the policy that judges the answers of each fold.

The served policy was fitted for the masters of the protocol known, and knows the appearance of
every slide. It judges that protocol and sets from outside. A slide left out is judged by the policy
of its fold, which knows nothing of that slide and whose thresholds were chosen on the others
(``training.review``). A random fold is judged by the served policy at the temperatures of its own
backbones: its slides are known anyway.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from training.evaluation.npz import PredictionsError
from training.evaluation.predictions import OUTSIDE
from training.evaluation.study.aligned import Aligned, Calibrated
from training.review import fold_policies

FITTED_FOR = "known"
LEFT_OUT = "slides"

SAME_TEMPERATURE = 0.02
"""A temperature that is fitted again on the same rows differs by rounding alone."""


def fits(protocol: str) -> bool:
    """Return whether the served policy was fitted for the backbones of this protocol."""
    return protocol == FITTED_FOR or protocol.startswith(OUTSIDE)


def by_fold(
    aligned: Aligned, calibrated: Calibrated, served: Any, folder: Path | None
) -> tuple[dict[str, Any], list[str]]:
    """Return the policy of every fold, and what is missing, in words.

    Args:
        folder: of the predictions; the policies of slides left out lie in it.

    Raises:
        PolicyError: the policy of a fold is broken.
        PredictionsError: it was fitted on other predictions than these.
    """
    if fits(aligned.protocol):
        return dict.fromkeys(aligned.val, served), []
    if aligned.protocol != LEFT_OUT:
        return {
            fold: dataclasses.replace(served, temperature=own)
            for fold, own in calibrated.temperatures.items()
        }, []
    by_name, missing = {}, []
    for fold, own in calibrated.temperatures.items():
        if folder is None or not fold_policies.place(folder, fold).is_file():
            missing.append(f"policy of the fold {fold}; python -m training calibrate makes it")
            continue
        by_name[fold] = fold_policies.load(folder, fold)
        if np.abs(np.log(by_name[fold].temperature / own)).max() > SAME_TEMPERATURE:
            raise PredictionsError(
                f"{fold_policies.place(folder, fold)} was fitted on other predictions than these; "
                "run python -m training calibrate again"
            )
    return by_name, missing
