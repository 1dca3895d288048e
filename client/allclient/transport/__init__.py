"""Speaks gRPC to Triton: the only part of allclient that knows tritonclient.

It is tritonclient's ``InferenceServerClient`` (blocking and aio) and not its bare stubs: the
library packs and unpacks BYTES tensors and keeps up with the protocol. What it lacks stays here:
one error tree, retries, deadlines over all tries, cancelling, checks of the answer.
"""

from allclient.transport.health import Health, ServerMetadata
from allclient.transport.options import Connection, Retry, TlsOptions

__all__ = ["Connection", "Health", "Retry", "ServerMetadata", "TlsOptions"]
