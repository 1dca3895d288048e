"""Defines what is said of a file that has no answer, and limits that keep decoding bounded."""

from __future__ import annotations

from typing import Final

EMPTY: Final = "image_empty"
UNSUPPORTED: Final = "image_unsupported"
TRUNCATED: Final = "image_truncated"
CORRUPT: Final = "image_corrupt"
TOO_LARGE: Final = "image_too_large"

ACCEPTED: Final = "JPEG, PNG, BMP, TIFF or WebP"

SAVE: Final = "save it as an 8-bit TIFF or PNG"
"""The way out for a whole file of a kind that is not read."""

MAX_PIXELS: Final = 150_000_000
"""Largest image that is decoded, in pixels. Measured at this size beside the file itself: a process
grows to 0.1 GB for a JPEG, 0.9 GB for a progressive one, 0.6 GB for a PNG, 0.7 GB for a BMP, 0.4 GB
for a TIFF in tiles, 1.0 GB for one in a single strip with LZW, 1.4 GB in 16-bit planes."""


class ImageError(ValueError):
    """One image has no answer.

    ``code`` is a value of ``allclient.contract.ImageErrorCode``; ``str()`` is a sentence for people
    which never holds anything of the image's content.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def unsupported(what: str) -> ImageError:
    """Make the error of a whole file that is of a kind that is not read.

    ``what`` says what the file is, and what to do.
    """
    return ImageError(UNSUPPORTED, f"{what} is not read; {SAVE}")


def truncated(kind: str, where: str) -> ImageError:
    """Make the error of a file that ends too early, ``where`` it does, such as "in its header"."""
    return ImageError(TRUNCATED, f"the {kind} ends {where}; copy or export the file again")


def corrupt(kind: str, why: str) -> ImageError:
    """Make the error of a file whose content cannot be trusted; a clause says ``why``."""
    return ImageError(CORRUPT, f"the {kind} is damaged: {why}; copy or export the file again")


def check_size(width: int, height: int, limit: int = MAX_PIXELS, what: str = "the image") -> None:
    """Refuse what is too large, or has no pixels at all, by its header alone."""
    if width < 1 or height < 1:
        text = f"{what} has {width} x {height} pixels: there is no picture"
        raise ImageError(CORRUPT, f"{text}; copy or export the file again")
    if width * height > limit:
        raise ImageError(
            TOO_LARGE,
            f"{what} has {width} x {height} pixels ({width * height / 1e6:,.0f} megapixels); "
            f"the limit is {limit / 1e6:.0f} megapixels; export a field of view or a smaller copy",
        )


def refusal(kind: str, error: Exception) -> ImageError:
    """Return what to say of a file over which a decoder raised ``error``.

    It never uses the decoder's words.
    """
    if isinstance(error, ImageError):
        return error
    if isinstance(error, MemoryError):
        return ImageError(TOO_LARGE, f"the server has no memory to decode this {kind}")
    return corrupt(kind, "its pixels cannot be decoded")
