"""Runs one Triton on a machine of the cluster, for all workers there."""

from __future__ import annotations

from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from allclient.bulk.asking import Asking
from allclient.errors import AllclientError, LocalServerError
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


class ServerHere:
    """Finds the server of this machine for one worker, and starts it where there is none.

    The actor ends with the worker that made it, since Ray ends an actor that nobody holds. The
    other workers of the machine then make another one.
    """

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._actor: Any = None

    def address(self) -> str:
        """Return HOST:PORT of the server.

        Raises:
            LocalServerError: it does not start, or was given up.
        """
        for last in (False, True):
            if self._actor is None:
                self._actor = self._found()
            try:
                return str(ray.get(self._actor.address.remote()))
            except ray.exceptions.RayTaskError as error:
                if isinstance(error.cause, AllclientError):
                    raise error.cause from error
                raise
            except ray.exceptions.RayActorError as error:
                self._actor = None
                if last:
                    raise LocalServerError(
                        f"the server of a machine cannot be kept running: {error}"
                    ) from error
        raise AssertionError("the loop returns or raises")

    def _found(self) -> Any:
        node = ray.get_runtime_context().get_node_id()
        return (
            ray.remote(NodeServer)
            .options(
                name=f"{_NAME}-{node}",
                get_if_exists=True,
                num_cpus=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
            )
            .remote(self._asking)
        )
