"""Processor time is told apart by the model that a process serves."""

from __future__ import annotations

import processes


def test_a_process_is_named_by_the_model_that_it_serves() -> None:
    stub = "/folder/backends/python/triton_python_backend_stub"
    assert processes.served_by([stub, "/folder/models/vote/1/model.py", "shm"]) == "vote"
    weights = "/folder/models/inception_v3/1/model.xml"
    assert processes.served_by([stub, weights, "/folder/backends/openvino"]) == "inception_v3"
    server = ["/folder/bin/tritonserver", "--model-repository=/folder/models"]
    assert processes.served_by(server) == "tritonserver"
