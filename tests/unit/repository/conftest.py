"""The model repository's pure modules are imported as Triton imports them: from their folder."""

from __future__ import annotations

import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[3] / "model_repository"
sys.path.insert(0, str(Path(__file__).parent))  # for policies.py
for model in ("preprocess", "vote", "all_cascade"):
    sys.path.insert(0, str(REPOSITORY / model / "1"))
