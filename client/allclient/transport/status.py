"""Turns every error of tritonclient and gRPC into one of ours, here and nowhere else."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

from tritonclient.utils import InferenceServerException

from allclient.contract import FEATURES, RELEASE, SIZE, ImageErrorCode
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
    "CANCELLED": InferenceError,  # by the server or a proxy
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
_NOT_SERVED: Final = re.compile(
    r"not at ready state|no available versions|stopped accepting new inference requests"
)

_RESTRICTED: Final = re.compile(r"This (protocol|API) is restricted")
_NOT_REACHED: Final = re.compile(r"failed to connect|errors resolving", re.IGNORECASE)
_CUT_OFF: Final = re.compile(
    r"socket closed|connection (reset|closed|termination)|broken pipe|stream removed|goaway|"
    r"keepalive",
    re.IGNORECASE,
)
_STUB_GONE: Final = re.compile(r"Stub process .*is not healthy")
_UNKNOWN: Final = re.compile(f"unexpected inference output '({SIZE}|{RELEASE}|{FEATURES})'")
_SHORT: Final = re.compile(
    r"Failed to increase the shared memory pool|Failed to create new mapped region"
)
"""What Triton's Python backend says where /dev/shm has no room for the tensors of a batch."""

_CROWDED: Final = re.compile(r"batch size \d+ for '.*', max allowed is \d+")
"""What a backend says to all requests of a batch of which one lied about its size."""


class Trouble(Enum):
    """What an error says about another try."""

    FINAL = auto()
    """It would meet the same error."""
    AWAY = auto()
    """The server is away or not ready yet, and did not have the image."""
    LOST = auto()
    """The server was lost while it had the image."""
    SICK = auto()
    """The process of a model was lost, or starved, while it may have had the image."""
    SHORT = auto()
    """Its batch did not fit, which may pass with the other requests in it: shared memory was short,
    or one of them lied about its size."""


def status_name(error: InferenceServerException) -> str:
    """Return the name of an error's status, such as ``UNAVAILABLE``.

    It is ``UNKNOWN`` when there is no status.
    """
    return str(error.status() or "UNKNOWN").rpartition(".")[2]


def detail_of(error: InferenceServerException) -> str:
    """Return the words of an error in one line."""
    return " ".join(str(error.message() or "no further word").split())


def trouble_of(error: InferenceServerException) -> Trouble:
    """Return whether another try is worth while, and what it has to mind."""
    status, detail = status_name(error), detail_of(error)
    if status == "UNAVAILABLE":
        if _RESTRICTED.search(detail):
            return Trouble.FINAL
        if _CUT_OFF.search(detail) and not _NOT_REACHED.search(detail):
            return Trouble.LOST
        return Trouble.AWAY
    if status in ("NOT_FOUND", "INTERNAL") and _NOT_SERVED.search(detail):
        return Trouble.AWAY  # as a server says while it stops, and a model of one that asks another
    if status == "CANCELLED" or (status == "UNKNOWN" and _CUT_OFF.search(detail)):
        return Trouble.LOST  # by a server or a proxy that ends: our own cancelling never gets here
    if status in ("INTERNAL", "UNKNOWN"):
        if _STUB_GONE.search(detail):
            return Trouble.SICK
        if _SHORT.search(detail) or _CROWDED.search(detail):
            return Trouble.SHORT
    return Trouble.FINAL


def means_away(error: InferenceServerException) -> bool:
    """Return whether the server is away, or as good as that: it gave no answer in time."""
    if status_name(error) == "DEADLINE_EXCEEDED":
        return True
    return trouble_of(error) in (Trouble.AWAY, Trouble.LOST, Trouble.SICK)


def unknown_output(error: InferenceServerException) -> str | None:
    """Return the output that a server of an older version does not have, if that is the error."""
    match = _UNKNOWN.search(detail_of(error))
    return match[1] if match else None


def refusal(text: str) -> ImageRejectedError | None:
    """Return the refusal in ``[image_truncated] the JPEG ends early``, wherever Triton put it."""
    for match in _REFUSAL.finditer(text):
        if match["code"] in _REFUSALS:
            message = " ".join(match["message"].split())
            return ImageRejectedError(message or "refused by the server", code=match["code"])
    return None


def translate_local(error: Exception, address: str) -> AllclientError:
    """Return our error for what gRPC raises before a call leaves this process."""
    if isinstance(error, MemoryError):
        return ImageRejectedError(
            "there is not enough memory to send it", code=ImageErrorCode.TOO_LARGE.value
        )
    if isinstance(error, RuntimeError) and "thread" in str(error):
        return no_thread()
    return ConfigurationError(f"a call to {address} cannot be made here: {error or repr(error)}")


def translate(error: InferenceServerException, address: str, model: str) -> AllclientError:
    """Return our error for theirs, with a sentence that names the server and the way out."""
    status, detail = status_name(error), detail_of(error)
    if status in _REFUSING_STATUSES and (rejected := refusal(detail)):
        return rejected
    kind = BY_STATUS.get(status, InferenceError)
    if kind is ServerUnavailableError and _NOT_SERVED.search(detail):
        kind = ModelNotReadyError
    elif kind is ServerUnavailableError and _RESTRICTED.search(detail):
        kind = ConfigurationError
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
    """Return the last of gRPC's chain of reasons, or what is behind it."""
    if "failed to connect" in detail and "Socket closed" in detail:
        return "something listens there that is no gRPC server; give Triton's gRPC port, not HTTP"
    if "WRONG_VERSION_NUMBER" in detail:
        return "it does not encrypt, and was asked with TLS: leave out the options of TLS"
    return _LAST_REASON.sub("", detail)
