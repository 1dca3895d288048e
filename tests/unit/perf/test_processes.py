"""Processor time is told apart by the model that a process serves."""

from __future__ import annotations

import processes


def test_a_process_is_named_by_the_model_that_it_serves() -> None:
    stub = "/tmp/work/backends/python/triton_python_backend_stub"
    assert processes.served_by([stub, "/tmp/work/models/vote/1/model.py", "shm"]) == "vote"
    weights = "/tmp/work/models/inception_v3/1/model.xml"
    assert processes.served_by([stub, weights, "/tmp/work/backends/openvino"]) == "inception_v3"
    server = ["/tmp/work/bin/tritonserver", "--model-repository=/tmp/work/models"]
    assert processes.served_by(server) == "tritonserver"
