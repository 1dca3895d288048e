"""Reasons are found in what Triton 2.51 really wrote."""

from __future__ import annotations

from allclient.local import triton_log

PYTHON = (
    r"""E1124 00:22:06.501321 7070 model_lifecycle.cc:642] "failed to load 'vote' version 1: """
    r"""Internal: PolicyError: /m/vote/1/policy.json: the policy file is missing\n\nAt:\n  """
    r"""/m/vote/1/majority.py(98): load\n  /m/vote/1/model.py(15): initialize\n" """
).rstrip()
ENSEMBLE = (
    r"""E1124 00:22:08.964972 7070 model_repository_manager.cc:703] "Invalid argument: ensemble """
    r"""'all_ensemble' depends on 'vote' which has no loaded version. Model 'vote' failed """
    r"""with error: version 1 is at UNAVAILABLE state: Internal: PolicyError: ...;" """
).rstrip()
PORT = (
    """E1124 00:40:00.1 1 main.cc:1] "failed to start GRPC service: Unavailable - """
    """Socket '127.0.0.1:18001' already in use " """
)
STARTED = (
    """E1124 00:29:45.441362 8605 ensemble_scheduler.cc:1468] "unable to create stream for """
    """all_ensemble: CUDA driver version is insufficient for CUDA runtime version"\n"""
    """Error: Failed to initialize NVML\n"""
    """I1124 00:29:45.445028 8605 grpc_server.cc:2558] "Started GRPCInferenceService at ..." """
)


def test_the_reason_is_the_models_and_not_the_ensembles() -> None:
    assert triton_log.reasons(f"{PYTHON}\n{ENSEMBLE}\n") == [
        "vote: PolicyError: /m/vote/1/policy.json: the policy file is missing"
    ]


def test_the_ensembles_where_no_model_gives_one() -> None:
    (reason,) = triton_log.reasons(ENSEMBLE)
    assert reason.startswith("all_ensemble: depends on 'vote' which has no loaded version")


def test_a_good_start_has_no_reason_to_fail() -> None:
    assert triton_log.reasons(STARTED) == []
    assert not triton_log.gave_up(STARTED)
    assert triton_log.port_in_use(STARTED) is None


def test_a_port_in_use_is_found() -> None:
    assert triton_log.port_in_use(PORT) == 18001


def test_last_words() -> None:
    assert triton_log.last_words("one\ntwo\n\n+----+\n") == "two"
    assert triton_log.last_words("") == "nothing in the log"
