"""Turns one image into request tensors, and the answer's tensors into a checked Result."""

from __future__ import annotations

import mmap
import re
import struct
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt
from tritonclient.grpc import InferInput, InferResult

from allclient.cell import Cell
from allclient.contract import (
    ANSWER,
    BACKBONES,
    CASCADE,
    CELL_FEATURES,
    CELLS,
    FEATURES,
    NOT_RUN,
    RELEASE,
    RELEASE_NAME,
    SIZE,
    SUBTYPES,
    UM_PER_PIXEL,
    Backbone,
    ImageErrorCode,
    Label,
    ReviewReason,
    Subtype,
    Tensor,
)
from allclient.errors import ImageRejectedError, ProtocolError
from allclient.result import Result
from allclient.transport.cells import cells_of
from allclient.transport.question import Question

_SUM_TOLERANCE: Final = 1e-3
_TIE: Final = 1e-6
_MAJORITY: Final = 2
_LARGE: Final = 16 * 1024 * 1024
_COPIES: Final = 5

_NAME: Final = re.compile(r"[\w.+-]{0,200}", re.ASCII)
_NUMPY_KIND: Final = {"BYTES": "O", "FP32": "f"}

_Word = TypeVar("_Word", Label, Subtype, ReviewReason)


def encode(image: bytes) -> list[Any]:
    """Make the IMAGE tensor, BYTES [1, 1]: a batch of one encoded file.

    Raises:
        ImageRejectedError: there is no memory to send it (image_too_large).
    """
    _check_memory(len(image))
    # dtype object: numpy's own bytes type would drop trailing zero bytes of the file.
    tensor = np.empty((1, 1), dtype=np.object_)
    tensor[0, 0] = image
    image_input = InferInput("IMAGE", [1, 1], "BYTES")
    image_input.set_data_from_numpy(tensor)
    return [image_input]


def _check_memory(size: int) -> None:
    # On its way into a message of gRPC the image is copied, and protobuf crashes without memory.
    if size > _LARGE:
        try:
            mmap.mmap(-1, size * _COPIES).close()  # reserved, and never touched
        except (OSError, OverflowError) as error:
            raise ImageRejectedError(
                f"there is not enough memory to send its {size:,} bytes",
                code=ImageErrorCode.TOO_LARGE.value,
            ) from error


def decode(answer: Any, request_id: str, question: Question) -> Result:
    """Return the Result in an ``InferResult``, which answers ``question``.

    A wrong answer is worse than none, so all of it is checked.

    Raises:
        ProtocolError: a tensor is missing, has another datatype or shape, holds NaN or an unknown
            word, or the parts contradict each other.
    """
    response = answer.get_response()
    if response.id != request_id:
        raise ProtocolError(f"the answer belongs to request {response.id!r}, not {request_id!r}")
    tensors = {name: _tensor(answer, name, ANSWER[name]) for name in ANSWER}
    cells = cells_of(_tensor(answer, "CELLS", CELLS)) if question.cells else None
    probabilities = _distribution("PROBABILITIES", tensors["PROBABILITIES"])
    votes = {
        backbone: _word("VOTES", Subtype, vote)
        for backbone, vote in zip(BACKBONES, tensors["VOTES"], strict=True)
        if not _left_out(response.model_name, vote)
    }
    backbone_probabilities = {
        backbone: _distribution("BACKBONE_PROBABILITIES", row)
        for backbone, row in zip(BACKBONES, tensors["BACKBONE_PROBABILITIES"], strict=True)
        if backbone in votes
    }
    result = Result(
        label=_word("LABEL", Label, tensors["LABEL"][0]),
        subtype=_word("SUBTYPE", Subtype, tensors["SUBTYPE"][0]),
        probabilities=probabilities,
        backbone_probabilities=backbone_probabilities,
        votes=votes,
        review=_review(tensors["REVIEW"][0]),
        ood_score=_share("OOD_SCORE", tensors["OOD_SCORE"]).item(),
        heatmap=_share("HEATMAP", tensors["HEATMAP"]),
        request_id=request_id,
        model_version=response.model_version,
        cells=cells,
        um_per_pixel=_size(answer, question),
        release=_release(answer, question),
        features=_features(answer, question, cells),
    )
    _check_vote(result)
    return result


def _tensor(answer: InferResult, name: str, expected: Tensor) -> npt.NDArray[Any]:
    output = answer.get_output(name)
    if output is None:
        raise ProtocolError(f"the answer has no tensor {name}")
    shape = (1, *expected.shape)
    if output.datatype != expected.datatype or not _fits(tuple(output.shape), shape):
        raise ProtocolError(
            f"{name} is {output.datatype} {list(output.shape)}, "
            f"expected {expected.datatype} {list(shape)}"
        )
    try:
        array: npt.NDArray[Any] = answer.as_numpy(name)
    except (ValueError, struct.error) as error:
        raise ProtocolError(f"{name} does not hold what its shape says: {error}") from error
    if array.dtype.kind != _NUMPY_KIND[expected.datatype]:
        raise ProtocolError(f"{name} came as {array.dtype}")
    array = array[0]
    if expected.datatype == "FP32" and not np.isfinite(array).all():
        raise ProtocolError(f"{name} holds NaN or infinity")
    return array


def _size(answer: InferResult, question: Question) -> float | None:
    """Return the size of a pixel; what was asked with, where the server says nothing of it."""
    if SIZE not in question.extras:
        return question.um_per_pixel
    (size,) = _tensor(answer, SIZE, UM_PER_PIXEL)
    if size < 0:
        raise ProtocolError(f"{SIZE} is {size}, not a size")
    # The shortest number that has these 32 bits: 0.1 stays 0.1.
    return float(str(size)) if size else None


def _release(answer: InferResult, question: Question) -> str:
    if RELEASE not in question.extras:
        return ""
    (raw,) = _tensor(answer, RELEASE, RELEASE_NAME)
    name = _text(raw)
    if not _NAME.fullmatch(name):
        raise ProtocolError(f"{RELEASE} is {raw!r}, not the name of a release")
    return name


def _features(
    answer: InferResult, question: Question, cells: tuple[Cell, ...] | None
) -> npt.NDArray[np.float32] | None:
    """Return one row for each cell; None where they were not asked for, or the server has none."""
    if FEATURES not in question.extras or cells is None:
        return None
    rows = _tensor(answer, FEATURES, CELL_FEATURES)
    if len(rows) < len(cells):
        raise ProtocolError(f"{FEATURES} has {len(rows)} rows for {len(cells)} cells")
    kept: npt.NDArray[np.float32] = rows[: len(cells)].astype(np.float32)
    return kept


def _fits(shape: tuple[int, ...], expected: tuple[int, ...]) -> bool:
    """Whether a shape is the expected one, where -1 stands for any length."""
    pairs = zip(shape, expected, strict=False)
    return len(shape) == len(expected) and all(want in (-1, size) for size, want in pairs)


def _distribution(name: str, row: npt.NDArray[np.float32]) -> dict[Subtype, float]:
    values = [float(value) for value in row]
    if min(values) < 0 or max(values) > 1 + _SUM_TOLERANCE:
        raise ProtocolError(f"{name} holds {values}, not probabilities")
    if abs(sum(values) - 1) > _SUM_TOLERANCE:
        raise ProtocolError(f"{name} sums to {sum(values):.6f}, not 1")
    return dict(zip(SUBTYPES, (min(value, 1.0) for value in values), strict=True))


def _share(name: str, array: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    if array.min() < 0 or array.max() > 1:
        raise ProtocolError(f"{name} leaves the range 0 to 1")
    copied: npt.NDArray[np.float32] = array.astype(np.float32)  # lets go of the gRPC message
    return copied


def _word(name: str, kind: type[_Word], raw: object) -> _Word:
    try:
        return kind(_text(raw))
    except ValueError:
        known = ", ".join(member.value for member in kind)
        raise ProtocolError(f"{name} holds {raw!r}, none of: {known}") from None


def _text(raw: object) -> str:
    return raw.decode("ascii") if isinstance(raw, bytes) else str(raw)


def _review(raw: object) -> tuple[ReviewReason, ...]:
    if raw == b"":
        return ()
    codes = raw.split(b",") if isinstance(raw, bytes) else [raw]
    return tuple(_word("REVIEW", ReviewReason, code) for code in codes)


def _left_out(model: str, vote: object) -> bool:
    """Return whether a backbone was not asked, which only the cascade may say."""
    return model == CASCADE and vote == NOT_RUN.encode("ascii")


def _check_vote(result: Result) -> None:
    """Check that LABEL, SUBTYPE, VOTES and BACKBONE_PROBABILITIES tell the same story."""
    votes = tuple(result.votes.values())
    malignant = sum(vote.label is Label.MALIGNANT for vote in votes)
    majority = Label.MALIGNANT if malignant >= _MAJORITY else Label.BENIGN
    story = f"votes {', '.join(vote.value for vote in votes)}"
    if max(malignant, len(votes) - malignant) < _MAJORITY:
        raise ProtocolError(f"the {story} decide nothing: two equal ones of three are needed")
    if result.label is not majority:
        raise ProtocolError(f"LABEL {result.label.value} contradicts the {story}")
    if result.subtype.label is not majority or result.subtype not in votes:
        raise ProtocolError(f"SUBTYPE {result.subtype.value} contradicts the {story}")
    for backbone, vote in result.votes.items():
        _check_argmax(backbone, vote, result.backbone_probabilities[backbone])


def _check_argmax(backbone: Backbone, vote: Subtype, row: dict[Subtype, float]) -> None:
    if row[vote] < max(row.values()) - _TIE:
        raise ProtocolError(
            f"{backbone.value} votes {vote.value} and gives another class a higher probability"
        )
