"""Defines every exception that allclient raises.

Catching AllclientError catches all of them::

    AllclientError
    ├── ConfigurationError        an option, file, address or call that cannot work as given
    ├── OutputError               results cannot be written (a full disk, a closed stream)
    ├── ImageError                one image has no answer; the others go on
    │   ├── ImageReadError        the client could not read the file
    │   └── ImageRejectedError    the server refused the image (truncated, too large, ...)
    ├── ServerError               the server did not do its part
    │   ├── ServerUnavailableError    no server answers at the address
    │   ├── ServerTimeoutError        no answer within the timeout
    │   ├── ServerLostError           the server was lost each time it had this image
    │   ├── ModelNotReadyError        the server answers, but does not serve the model
    │   ├── InferenceError            the server failed at an inference
    │   └── ProtocolError             the answer does not fit the tensor contract
    ├── StoreError                the case store cannot do what was asked
    │   ├── NotFoundError             no such case, field, file or user
    │   ├── RefusedError              not allowed, or not in this state
    │   └── ConflictError             somebody else changed it in the meantime
    └── LocalServerError          the embedded server cannot be found, started or kept running
        ├── ServerNotInstalledError   no tritonserver, stub, libpython or backend library here
        ├── PortInUseError            the port asked for is taken
        ├── ServerStartError          tritonserver started and failed, or a model did not load
        └── ServerDiedError           tritonserver died again and again
"""

from __future__ import annotations


class AllclientError(Exception):
    """The base of all errors. ``code`` is a stable word, ``str()`` a sentence for people."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class ConfigurationError(AllclientError):
    """An option, file, address or call cannot work as given."""

    code = "configuration"


class OutputError(AllclientError):
    """Results cannot be written, as on a full disk or to a closed stream."""

    code = "output_unwritable"


class ImageError(AllclientError):
    """One image has no answer; the others go on."""

    code = "image_error"


class ImageReadError(ImageError):
    """The client could not read the image file."""

    code = "file_unreadable"


class ImageRejectedError(ImageError):
    """The server refused the image: it is truncated, too large or the like."""

    code = "image_corrupt"


class ServerError(AllclientError):
    """The server did not do its part."""

    code = "server_error"


class ServerUnavailableError(ServerError):
    """No server answers at the address."""

    code = "server_unavailable"


class ServerTimeoutError(ServerError):
    """The server did not answer within the timeout."""

    code = "server_timeout"


class ServerLostError(ServerError):
    """The server was lost each time it had this image."""

    code = "server_lost"


class ModelNotReadyError(ServerError):
    """The server answers, but does not serve the model."""

    code = "model_not_ready"


class InferenceError(ServerError):
    """The server failed at an inference."""

    code = "inference_failed"


class ProtocolError(ServerError):
    """The answer does not fit the tensor contract."""

    code = "protocol_error"


class StoreError(AllclientError):
    """A case store cannot be read or changed."""

    code = "store"


class NotFoundError(StoreError):
    """What was asked for is not in the store."""

    code = "not_found"


class RefusedError(StoreError):
    """The store does not take what was given."""

    code = "refused"


class ConflictError(StoreError):
    """Somebody else changed it in the meantime."""

    code = "conflict"


class LocalServerError(AllclientError):
    """The embedded server cannot be found, started or kept running."""

    code = "local_server"


class ServerNotInstalledError(LocalServerError):
    """A tritonserver, stub, libpython or backend library is missing here."""

    code = "server_not_installed"


class PortInUseError(LocalServerError):
    """The port asked for is taken."""

    code = "port_in_use"


class ServerStartError(LocalServerError):
    """The tritonserver started and failed, or a model did not load."""

    code = "server_start_failed"


class ServerDiedError(LocalServerError):
    """The tritonserver died again and again."""

    code = "server_died"
