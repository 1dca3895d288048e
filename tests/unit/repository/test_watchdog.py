"""A decoder that computes for ever ends its process, which says where it was."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[3] / "model_repository/preprocess/1"

PROGRAM = """
import itertools, json, sys, types
import numpy as np

class Request:
    def parameters(self):
        return "{}"

utils = types.ModuleType("triton_python_backend_utils")
file = types.SimpleNamespace(as_numpy=lambda: np.array([[b"x"]], dtype=object))
utils.get_input_tensor_by_name = lambda *_: file
sys.modules["triton_python_backend_utils"] = utils
sys.path.insert(0, sys.argv[1])
import model, pixels

def decode(data):
    sum(itertools.repeat(0))  # in C, with the lock of the interpreter

pixels.decode = decode
model.LIMIT = 0.2
model.TritonPythonModel().execute([Request()])
"""


def test_a_decoder_that_does_not_end() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(FOLDER)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert "Timeout" in done.stderr
    assert "in decode" in done.stderr
