"""The seam: every error of tritonclient and gRPC becomes one of ours here, and nowhere else."""

from __future__ import annotations

import re
from typing import Final

from tritonclient.utils import InferenceServerException

from allclient.contract import ImageErrorCode
from allclient.errors import (
    AllclientError,
    ConfigurationError,
    ImageRejectedError,
    InferenceError,
    ModelNotReadyError,
    ProtocolError,
    ServerTimeoutError,
    ServerUnavailableError,
)
from allclient.threads import no_thread

BY_STATUS: Final[dict[str, type[AllclientError]]] = {
    "OK": ProtocolError,  # an error that says "fine" fits no contract
    "CANCELLED": InferenceError,  # by the server or a proxy: our own cancelling never gets here
    "UNKNOWN": InferenceError,
    "INVALID_ARGUMENT": ProtocolError,  # a refused image carries a [code] and is told apart first
    "DEADLINE_EXCEEDED": ServerTimeoutError,
    "NOT_FOUND": ModelNotReadyError,
    "ALREADY_EXISTS": InferenceError,
    "PERMISSION_DENIED": ConfigurationError,
    "RESOURCE_EXHAUSTED": InferenceError,
    "FAILED_PRECONDITION": InferenceError,
    "ABORTED": InferenceError,
    "OUT_OF_RANGE": InferenceError,
    "UNIMPLEMENTED": ProtocolError,  # a gRPC server that does not speak KServe v2
    "INTERNAL": InferenceError,
    "UNAVAILABLE": ServerUnavailableError,
    "DATA_LOSS": InferenceError,
    "UNAUTHENTICATED": ConfigurationError,
}
"""Our error by the name of the gRPC status code."""

_REFUSALS: Final = {
    code.value
    for code in ImageErrorCode
    if code not in (ImageErrorCode.FILE_NOT_FOUND, ImageErrorCode.FILE_UNREADABLE)
}
_REFUSAL: Final = re.compile(r"\[(?P<code>[a-z_]+)\]\s*(?P<message>.*)", re.DOTALL)
_REFUSING_STATUSES: Final = {"INVALID_ARGUMENT", "INTERNAL", "UNKNOWN"}
_LAST_REASON: Final = re.compile(r"^.*last error: [A-Z_]+: (?:ipv[46]:\S+: )?")
_NOT_SERVED: Final = re.compile(r"not at ready state|no available versions")


def status_name(error: InferenceServerException) -> str:
    """``UNAVAILABLE`` of ``StatusCode.UNAVAILABLE``; ``UNKNOWN`` when there is no status."""
    return str(error.status() or "UNKNOWN").rpartition(".")[2]


def is_unavailable(error: InferenceServerException) -> bool:
    """True for the one status that is worth another try."""
    return status_name(error) == "UNAVAILABLE"


def refusal(text: str) -> ImageRejectedError | None:
    """The refusal in ``[image_truncated] the JPEG ends early``, wherever Triton put it."""
    for match in _REFUSAL.finditer(text):
        if match["code"] in _REFUSALS:
            message = " ".join(match["message"].split())
            return ImageRejectedError(message or "refused by the server", code=match["code"])
    return None


def translate_local(error: Exception, address: str) -> AllclientError:
    """Our error for what gRPC or tritonclient raises before a call leaves this process."""
    if isinstance(error, MemoryError):
        return ImageRejectedError(
            "there is not enough memory to send it", code=ImageErrorCode.TOO_LARGE.value
        )
    if isinstance(error, RuntimeError) and "thread" in str(error):
        return no_thread()
    return ConfigurationError(f"a call to {address} cannot be made here: {error or repr(error)}")


def translate(error: InferenceServerException, address: str, model: str) -> AllclientError:
    """Our error for theirs, with a sentence that names the server and the way out."""
    status = status_name(error)
    detail = " ".join(str(error.message() or "no further word").split())
    if status in _REFUSING_STATUSES and (rejected := refusal(detail)):
        return rejected
    kind = BY_STATUS.get(status, InferenceError)
    if kind is ServerUnavailableError and _NOT_SERVED.search(detail):
        kind = ModelNotReadyError
    return kind(_SENTENCES[kind].format(address=address, model=model, detail=_plain(detail)))


_SENTENCES: Final[dict[type[AllclientError], str]] = {
    ServerUnavailableError: "no server answers at {address} ({detail})",
    ServerTimeoutError: "the server at {address} gave no answer in time ({detail})",
    ModelNotReadyError: "the server at {address} does not serve the model {model!r} ({detail})",
    ConfigurationError: "the server at {address} refuses this client ({detail})",
    ProtocolError: "the server at {address} does not speak the contract of {model!r} ({detail})",
    InferenceError: "the server at {address} failed at an inference ({detail})",
}


def _plain(detail: str) -> str:
    """gRPC's chain of reasons, down to the last."""
    if "failed to connect" in detail and "Socket closed" in detail:
        return "something listens there that is no gRPC server; give Triton's gRPC port, not HTTP"
    return _LAST_REASON.sub("", detail)
