"""A made-up policy for tests. Its numbers were fitted to nothing."""

from __future__ import annotations

import copy
from typing import Any

import majority
import numpy as np

STAIN = [0.9, 0.9, 0.9, 0.6, 0.5, 0.8]
GOOD_QUALITY = np.array([1, 100, 0.8, 0.1, 0, 0.1, *STAIN], dtype=np.float32)

POLICY: dict[str, Any] = {
    "version": 1,
    "fitted_on": {"note": "nothing"},
    "temperature": {"mobilenet": 1.0, "xception": 1.0, "inception_v3": 1.0},
    "low_confidence_below": 0.9,
    "ood": {
        "review_above": 0.99,
        "energy_quantiles": np.linspace(-15, -3, 101).tolist(),
        "stain": {
            "mean": STAIN,
            "precision": (np.eye(6) * 50).tolist(),
            "distance_quantiles": np.linspace(0, 4, 101).tolist(),
        },
    },
    "quality": {
        "sharpness": {"min": 5},
        "brightness": {"min": 0.3, "max": 0.97},
        "contrast": {"min": 0.02},
    },
}


def policy(**changes: object) -> majority.Policy:
    return majority.Policy.from_dict(copy.deepcopy(POLICY) | changes)
