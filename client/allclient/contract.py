"""Defines the tensor contract between allclient and the models that Triton serves.

This module is the contract's one home in Python; ``tests/unit/test_contract.py`` holds it against
every ``config.pbtxt`` of the model repository. Tensor names and datatypes are those of the KServe
v2 inference protocol.

``all_ensemble`` and ``all_cascade`` take and give the same tensors. The ensemble asks all three
backbones about every image. The cascade asks the third only where the first two (the cheaper ones,
by its parameter ORDER) disagree on benign/malignant; then its answer is the ensemble's in every
tensor. Where the third was not asked:

- LABEL is the ensemble's: two equal votes of three decide.
- VOTES says ``not_run`` for the third, and its row of BACKBONE_PROBABILITIES is all 0.
- PROBABILITIES and HEATMAP are means over the two that ran.
- SUBTYPE is the ensemble's where the two name the same one. Where they name two malignant ones it
  is the likelier of both, and REVIEW says ``disagreement``; the third might have decided otherwise.
- REVIEW: with nobody to average with, each of the two has to be sure alone (the lower probability
  is held against the limits of confidence), and OOD_SCORE takes the higher of their energies
  instead of the mean. Quality, leukocytes, pages and the look of the field are judged as ever. What
  only the third would have objected to is not known: an empty REVIEW of the cascade says that two
  backbones raise no objection, not that three do. Where that matters, ask ``all_ensemble``.

CELLS, one row a leukocyte, is computed only for a request that asks for it by name, or that names
no output at all and so asks for all. Its columns are ``CELL_FIELDS``. Where a batch holds several
images, the rows of those with fewer cells are filled with zeros; a cell has a width above 0.

FEATURES says how each leukocyte looks, in numbers of which the distance counts: the more alike two
cells look, the nearer they are. Its rows are those of CELLS, and it is computed for those who ask
for it, as CELLS is. They are the same from every release: the network that makes them
(``cells/1/features.onnx``) is not trained anew, and another one would have another output.

UM_PER_PIXEL is the size of a pixel of the file in micrometres, and 0 where it is not known. It is
what the request parameter ``um_per_pixel`` says (text or a number, for all images of the request),
or what a TIFF says of itself, if a microscope can have that. Ask for it by name, as for CELLS.

RELEASE names what made the answer, weights, policy and code, as ``release.digest`` does. It is
empty where the server does not know it. Ask for it by name as well.

``all_classes`` is ``all_ensemble`` with PROBABILITIES as its one output, for clients that ask every
output for its classes.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

ENSEMBLE: Final = "all_ensemble"
CASCADE: Final = "all_cascade"
CLASSES: Final = "all_classes"

NOT_RUN: Final = "not_run"
"""The vote of a backbone that the cascade did not ask."""

SIDE: Final = 224
"""Height and width, in pixels, of what the backbones see."""

MAX_BATCH: Final = 64
"""The largest batch a server accepts in one request. The client sends one image a request."""

MAX_MESSAGE_BYTES: Final = 513 * 1024 * 1024
"""Largest request, in bytes; the embedded server refuses a larger one, packed or not."""

MAX_IMAGE_BYTES: Final = MAX_MESSAGE_BYTES - 1024 * 1024
"""Largest encoded file, in bytes, that the client sends."""

IMAGE_FORMATS: Final = ("JPEG", "PNG", "BMP", "TIFF", "WebP")
IMAGE_SUFFIXES: Final = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".tif", ".tiff", ".webp"}
)
"""File name endings that a folder search takes for images, in lower case."""

DICOM_SUFFIXES: Final = frozenset({".dcm", ".dicom"})
"""File name endings that a folder search takes for DICOM objects, in lower case."""


class Label(str, Enum):
    """The answer to "does this field show acute lymphoblastic leukemia?"."""

    BENIGN = "benign"
    MALIGNANT = "malignant"


class Subtype(str, Enum):
    """The four classes, in the order of every probability tensor.

    The three malignant ones are maturation stages of B-lymphoblasts; ``pre_b`` does not mean
    "pre-cancerous". Benign fields show hematogones, normal B-cell precursors.
    """

    BENIGN = "benign"
    EARLY_PRE_B = "early_pre_b"
    PRE_B = "pre_b"
    PRO_B = "pro_b"

    @property
    def label(self) -> Label:
        """Whether the class is benign or malignant."""
        return Label.BENIGN if self is Subtype.BENIGN else Label.MALIGNANT


class Backbone(str, Enum):
    """The three voters, in the order of BACKBONE_PROBABILITIES and VOTES."""

    MOBILENET = "mobilenet"
    XCEPTION = "xception"
    INCEPTION_V3 = "inception_v3"


class ReviewReason(str, Enum):
    """Why a pathologist has to look at an answer before anyone relies on it."""

    DISAGREEMENT = "disagreement"
    LOW_CONFIDENCE = "low_confidence"
    OUT_OF_DISTRIBUTION = "out_of_distribution"
    POOR_QUALITY = "poor_quality"
    """Blurred, blank, too dark or too bright; or a part of it seems damaged or filled in."""
    NO_LEUKOCYTES = "no_leukocytes"
    """No nucleus of a white cell was found: there is nothing in the field to answer about."""
    FEW_LEUKOCYTES = "few_leukocytes"
    """Too few leukocytes lie in the field to rest an answer on; touching ones count as one."""
    SCALE = "scale"
    """Red cells are far smaller or larger than in the fields that the backbones learned from."""
    FIRST_PAGE_ONLY = "first_page_only"
    """The file holds several pages or frames and only the first one was read."""


class ImageErrorCode(str, Enum):
    """Why one image has no answer. The server sends the code as ``[code] message``."""

    EMPTY = "image_empty"
    UNSUPPORTED = "image_unsupported"
    TRUNCATED = "image_truncated"
    CORRUPT = "image_corrupt"
    TOO_LARGE = "image_too_large"
    FILE_NOT_FOUND = "file_not_found"
    FILE_UNREADABLE = "file_unreadable"


SUBTYPES: Final = tuple(Subtype)
BACKBONES: Final = tuple(Backbone)

QUALITY_FIELDS: Final = (
    "pages",
    "sharpness",
    "brightness",
    "contrast",
    "clipped_dark",
    "clipped_bright",
    "background_red",
    "background_green",
    "background_blue",
    "cells_red",
    "cells_green",
    "cells_blue",
    "nuclei_share",
    "nuclei_purple",
    "nuclei_edge",
    "nuclei_density",
    "red_cell_size",
    "red_cell_aspect",
    "leukocytes",
)
"""What the QUALITY tensor holds, in order; ``model_repository/preprocess/1/smear_quality.py`` and
``smear_cells.py`` say how each is measured."""

CELL_FIELDS: Final = (
    "x",
    "y",
    "width",
    "height",
    "probability_benign",
    "probability_early_pre_b",
    "probability_pre_b",
    "probability_pro_b",
    "area_share",
    "agreement",
)
"""The columns of CELLS, all from 0 to 1.

- x, y, width, height: the box around the cell's nucleus, its left upper corner first, as shares of
  the width and the height of the upright file.
- probability_*: the calibrated probabilities of the four classes, in the order of ``SUBTYPES``: the
  mean of the backbones that ran and saw the cell. They sum to 1.
- area_share: the cell's share of the field's leukocyte area, which is what weighs it in the field's
  answer. The shares of a field's cells sum to 1.
- agreement: the share of these backbones whose likeliest class is benign or malignant as that of
  the cell's mean probabilities is.
"""

NUCLEI_BYTES: Final = SIDE * SIDE // 8
"""The mask of nuclei in the squashed field, one bit a pixel, as ``numpy.packbits`` packs it."""


class Tensor(NamedTuple):
    """One tensor of a model: KServe v2 datatype and shape without the batch dimension.

    In a shape, -1 is any length.
    """

    datatype: str
    shape: tuple[int, ...]


class ModelContract(NamedTuple):
    """The tensors that a model takes and gives, by name."""

    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]


_IMAGE: Final = {"IMAGE": Tensor("BYTES", (1,))}
_PIXELS: Final = {"PIXELS": Tensor("UINT8", (SIDE, SIDE, 3))}
_QUALITY: Final = {"QUALITY": Tensor("FP32", (len(QUALITY_FIELDS),))}
_NUCLEI: Final = {"NUCLEI": Tensor("UINT8", (NUCLEI_BYTES,))}
CELLS: Final = Tensor("FP32", (-1, len(CELL_FIELDS)))
"""What a client asks for when it wants every leukocyte."""

FEATURES: Final = "FEATURES"
"""What a client asks for to learn how each leukocyte looks; version 0.2 does not have it."""

CELL_FEATURES: Final = Tensor("FP32", (-1, 64))
"""Numbers that describe each leukocyte, in the order of CELLS."""

_OF_CELLS: Final = {"CELLS": CELLS, FEATURES: CELL_FEATURES}
SIZE: Final = "UM_PER_PIXEL"
"""What a client asks for to learn the size of a pixel; servers of version 0.2 do not have it."""

UM_PER_PIXEL: Final = Tensor("FP32", (1,))

BELIEVABLE_UM_PER_PIXEL: Final = (0.02, 2.0)
"""The sizes of a pixel that are believed where a file says them: what a microscope can have."""

_SIZE: Final = {SIZE: UM_PER_PIXEL}
RELEASE: Final = "RELEASE"
"""What a client asks for to learn which release answered; version 0.2 does not have it."""

RELEASE_NAME: Final = Tensor("BYTES", (1,))
_RELEASE: Final = {RELEASE: RELEASE_NAME}
ANSWER: Final = {
    "LABEL": Tensor("BYTES", (1,)),
    "SUBTYPE": Tensor("BYTES", (1,)),
    "PROBABILITIES": Tensor("FP32", (4,)),
    "BACKBONE_PROBABILITIES": Tensor("FP32", (3, 4)),
    "VOTES": Tensor("BYTES", (3,)),
    "REVIEW": Tensor("BYTES", (1,)),
    "OOD_SCORE": Tensor("FP32", (1,)),
    "HEATMAP": Tensor("FP32", (7, 7)),
}
"""What a client asks for about every image."""

CAM_SIDES: Final = {Backbone.MOBILENET: 14, Backbone.XCEPTION: 28, Backbone.INCEPTION_V3: 25}
"""Height and width of each backbone's last feature map for a 224x224 input."""


def _backbone(backbone: Backbone) -> ModelContract:
    side = CAM_SIDES[backbone]
    return ModelContract(
        _PIXELS, {"LOGITS": Tensor("FP32", (4,)), "CAM": Tensor("FP32", (side, side, 4))}
    )


def _of_backbones(*names: str) -> dict[str, Tensor]:
    """Return the outputs of these names of every backbone, as inputs of a model behind."""
    return {
        f"{backbone.value.upper()}_{name}": _backbone(backbone).outputs[name]
        for backbone in BACKBONES
        for name in names
    }


MODELS: Final[dict[str, ModelContract]] = {
    ENSEMBLE: ModelContract(_IMAGE, {**ANSWER, **_OF_CELLS, **_SIZE, **_RELEASE}),
    CASCADE: ModelContract(_IMAGE, {**ANSWER, **_OF_CELLS, **_SIZE, **_RELEASE}),
    CLASSES: ModelContract(_IMAGE, {"PROBABILITIES": ANSWER["PROBABILITIES"]}),
    "preprocess": ModelContract(_IMAGE, {**_PIXELS, **_QUALITY, **_NUCLEI, **_SIZE}),
    **{backbone.value: _backbone(backbone) for backbone in BACKBONES},
    "vote": ModelContract({**_QUALITY, **_of_backbones("LOGITS", "CAM")}, {**ANSWER, **_RELEASE}),
    "cells": ModelContract({**_PIXELS, **_NUCLEI, **_of_backbones("CAM")}, _OF_CELLS),
}
"""Inputs and outputs of every model in the repository, by model name."""
