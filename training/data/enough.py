"""Checks that a data set has what training needs, before hours are spent on it."""

from __future__ import annotations

from collections.abc import Sequence

from training.data.sample import DatasetError, Sample, counts


def check(samples: Sequence[Sample], min_images: int) -> None:
    """Check that four classes can be trained on ``samples``.

    ``min_images`` is how many images each class needs.

    Raises:
        DatasetError: they cannot.
    """
    images_of = counts(samples)
    if unstaged := images_of.pop("malignant", 0):
        raise DatasetError(
            f"{unstaged} malignant images have no stage, and four classes cannot be trained on "
            "them; move their folder away, or sort them into early_pre_b, pre_b and pro_b"
        )
    classes = [name for name, count in images_of.items() if count]
    if len(classes) < 2:
        raise DatasetError(f"there is one class only ({', '.join(classes)}): nothing to tell apart")
    few = [f"{name} {count}" for name, count in images_of.items() if count < min_images]
    if few:
        raise DatasetError(
            f"too few images that can be read: {', '.join(few)}; each of the four classes needs "
            f"{min_images} or more"
        )
