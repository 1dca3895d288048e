"""Holds what a server says about itself against the tensor contract."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from allclient.contract import ANSWER, CELLS, ENSEMBLE, MODELS, Tensor


@dataclass(frozen=True, slots=True)
class ServerMetadata:
    """The KServe v2 metadata of a server."""

    name: str
    version: str
    extensions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """What a server says about itself; ``problems`` say why images cannot be classified."""

    address: str
    live: bool
    ready: bool
    model: str
    model_ready: bool
    model_versions: tuple[str, ...]
    server: ServerMetadata | None
    problems: tuple[str, ...]
    cells: bool = False
    """Whether the model gives every leukocyte too, to those who ask."""

    @property
    def ok(self) -> bool:
        """Whether images can be classified now.

        ``ready`` is not asked: one broken model of a shared server makes it false for all.
        """
        return self.live and self.model_ready and not self.problems


def worst(states: Iterable[Health]) -> Health:
    """Return the first state with a problem, else the first one without cells, else the first.

    So a fleet is as good as each of its servers that answers.
    """
    return min(states, key=lambda state: (state.ok, state.cells))


def contract_problems(metadata: Any) -> tuple[str, ...]:
    """Return where a ModelMetadataResponse differs from the contract of all_ensemble.

    The contract of all_cascade is the same.
    """
    return (
        *_differences("input", metadata.inputs, MODELS[ENSEMBLE].inputs, complete=True),
        # A newer server may answer more than this client always asks for.
        *_differences("output", metadata.outputs, ANSWER, complete=False),
    )


def gives_cells(metadata: Any) -> bool:
    """Whether CELLS is among the outputs, as the contract has it."""
    wanted = (CELLS.datatype, (-1, *CELLS.shape))
    return any(
        tensor.name == "CELLS" and (tensor.datatype, tuple(tensor.shape)) == wanted
        for tensor in metadata.outputs
    )


def _differences(
    role: str, tensors: Any, expected: dict[str, Tensor], *, complete: bool
) -> list[str]:
    served = {tensor.name: (tensor.datatype, tuple(tensor.shape)) for tensor in tensors}
    problems = [f"{role} {name} is missing" for name in expected if name not in served]
    for name, (datatype, shape) in served.items():
        if name not in expected:
            if complete:
                problems.append(f"{role} {name} is not in the contract")
            continue
        want = expected[name]
        if datatype != want.datatype or shape != (-1, *want.shape):
            problems.append(
                f"{role} {name} is {datatype} {list(shape)}, "
                f"expected {want.datatype} {[-1, *want.shape]}"
            )
    return problems
