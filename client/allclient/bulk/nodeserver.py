"""Runs one Triton on a machine of the cluster, for all workers there."""

from __future__ import annotations

import contextlib
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from allclient.bulk.asking import Asking
from allclient.errors import AllclientError
from allclient.local import LocalServer

_NAME = "allclient-server"


class NodeServer:
    """A Ray actor that starts the server when it is first asked for the address.

    The server ends with the actor's process, however that ends.
    """

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._server: LocalServer | None = None

    def address(self) -> str:
        """Return HOST:PORT of the server of this machine.

        Raises:
            LocalServerError: it does not start, or was given up.
        """
        if self._server is not None and self._server.failure is not None:
            raise self._server.failure
        if self._server is None:
            server = LocalServer(
                model_repository=self._asking.model_repository,
                flavour=self._asking.flavour,
                model=self._asking.model,
            )
            server.start()
            self._server = server
        return self._server.grpc_address

    def stop(self) -> None:
        """End the server."""
        if self._server is not None:
            self._server.stop()


def address_here(asking: Asking) -> str:
    """Return HOST:PORT of the server of this machine, which is started if there is none.

    Raises:
        LocalServerError: it does not start, or was given up.
    """
    node = ray.get_runtime_context().get_node_id()
    for last in (False, True):
        actor: Any = (
            ray.remote(NodeServer)
            .options(
                name=f"{_NAME}-{node}",
                get_if_exists=True,
                num_cpus=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
            )
            .remote(asking)
        )
        try:
            return str(ray.get(actor.address.remote()))
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, AllclientError):
                raise error.cause from error
            raise
        except ray.exceptions.RayActorError:  # it went with the worker that had made it
            if last:
                raise
    raise AssertionError("the loop returns or raises")


def stop_here() -> None:
    """End the server of this machine, if one was started, and wait for its end."""
    node = ray.get_runtime_context().get_node_id()
    with contextlib.suppress(ValueError, ray.exceptions.RayError):
        ray.get(ray.get_actor(f"{_NAME}-{node}").stop.remote())
