"""A made-up policy for tests. Its numbers were fitted to nothing."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from toolkit import served

STAIN = [0.9, 0.9, 0.9, 0.6, 0.5, 0.8]
OTHER_STAIN = [0.8, 0.9, 0.8, 0.4, 0.3, 0.6]
FIELDS = list(served.majority.QUALITY_FIELDS[6:12])
GOOD_QUALITY = np.array(
    [1, 100, 0.8, 0.1, 0, 0.1, *STAIN, 0.05, 0.2, 0.4, 0.3, 12, 0.8, 9], dtype=np.float32
)

POLICY: dict[str, Any] = {
    "version": 2,
    "fitted_on": {"note": "nothing"},
    "temperature": {"mobilenet": 1.0, "xception": 1.0, "inception_v3": 1.0},
    "confidence": {"benign": 0.9, "malignant": 0.9, "subtype": 0.4},
    "ood": {
        "review_above": {"benign": 0.98, "malignant": 0.98},
        "energy_quantiles": np.linspace(-15, -3, 101).tolist(),
        "look": {
            "fields": FIELDS,
            "known": [STAIN, OTHER_STAIN],
            "whitening": (np.eye(6) * 7).tolist(),
            "quantiles": np.linspace(0, 4, 101).tolist(),
        },
    },
    "leukocytes": {"nuclei_share": {"min": 0.003}, "nuclei_purple": {"min": 0.03}},
    "quality": {
        "sharpness": {"min": 5},
        "brightness": {"min": 0.3, "max": 0.97},
        "contrast": {"min": 0.02},
    },
}


def policy(**changes: object) -> served.majority.Policy:
    return served.majority.Policy.from_dict(copy.deepcopy(POLICY) | changes)
