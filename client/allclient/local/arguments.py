"""Puts together the command line of tritonserver."""

from __future__ import annotations

from collections.abc import Mapping

from allclient.local import access
from allclient.local.layout import Layout
from allclient.local.options import Options


def of(
    layout: Layout,
    shm_prefix: str,
    options: Options,
    *,
    flavour: str | None,
    opened: Mapping[str, str | int | None],
) -> list[str]:
    """Return the program and its arguments.

    Args:
        shm_prefix: of the names of shared memory that the server and its models use.
        flavour: the configurations to load; None for those that every model has.
        opened: Triton's options for its ports and who is let in.

    Raises:
        ConfigurationError: there is no address to send traces to.
    """
    named: dict[str, str | int | None] = {
        "model-repository": str(layout.models),
        "backend-directory": str(layout.backends),
        "backend-config": f"python,shm-region-prefix-name={shm_prefix}",
        # Else every model is started twice, once to ask it for what config.pbtxt says.
        "disable-auto-complete-config": None,
        "model-load-thread-count": 8,
        **opened,
        "allow-gpu-metrics": "false",
        "pinned-memory-pool-byte-size": 0,
        # Else each of its two threads keeps its last eight requests, with the files in them.
        "grpc-infer-allocation-pool-size": 0,
    }
    if options.reloadable:
        named |= {"model-control-mode": "explicit", "load-model": "*"}
    if flavour is not None:
        named["model-config-name"] = flavour
    return [
        str(layout.server),
        *(f"--{key}" if value is None else f"--{key}={value}" for key, value in named.items()),
        *access.tracing(options.trace_to),
    ]
