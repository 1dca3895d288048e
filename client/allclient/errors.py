"""Every exception that allclient raises::

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

Catching AllclientError catches all of them.
"""

from __future__ import annotations


class AllclientError(Exception):
    """Base of all. ``code`` is a stable word for machines; ``str()`` is a sentence for people."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class ConfigurationError(AllclientError):
    code = "configuration"


class OutputError(AllclientError):
    code = "output_unwritable"


class ImageError(AllclientError):
    code = "image_error"


class ImageReadError(ImageError):
    code = "file_unreadable"


class ImageRejectedError(ImageError):
    code = "image_corrupt"


class ServerError(AllclientError):
    code = "server_error"


class ServerUnavailableError(ServerError):
    code = "server_unavailable"


class ServerTimeoutError(ServerError):
    code = "server_timeout"


class ServerLostError(ServerError):
    code = "server_lost"


class ModelNotReadyError(ServerError):
    code = "model_not_ready"


class InferenceError(ServerError):
    code = "inference_failed"


class ProtocolError(ServerError):
    code = "protocol_error"


class StoreError(AllclientError):
    code = "store"


class NotFoundError(StoreError):
    code = "not_found"


class RefusedError(StoreError):
    code = "refused"


class ConflictError(StoreError):
    code = "conflict"


class LocalServerError(AllclientError):
    code = "local_server"


class ServerNotInstalledError(LocalServerError):
    code = "server_not_installed"


class PortInUseError(LocalServerError):
    code = "port_in_use"


class ServerStartError(LocalServerError):
    code = "server_start_failed"


class ServerDiedError(LocalServerError):
    code = "server_died"
