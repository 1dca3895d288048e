"""Files of every kind, made by code, and the table of what is read of them.

The model repository's pure modules are imported as Triton imports them: from their folder.
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "model_repository" / "preprocess" / "1"
if str(FOLDER) not in sys.path:
    sys.path.insert(0, str(FOLDER))
