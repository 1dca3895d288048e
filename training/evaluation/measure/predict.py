"""Runs the masters of every fold over its validation and test images, and over changed copies."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit import served
from training.data.protocols import Fold
from training.data.samples import Sample
from training.evaluation.measure import heat
from training.evaluation.predictions import PARTS, TEXTS, UNSTAGED, Predictions, Variant
from training.evaluation.probes import field as fields
from training.evaluation.probes.catalogue import Change

BATCH = 32

Model = Callable[[npt.NDArray[np.uint8]], tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]
"""PIXELS uint8 [n, 224, 224, 3] to LOGITS [n, 4] and CAM [n, h, w, 4]."""


class Read(NamedTuple):
    """A decoded field and where its nuclei are."""

    pixels: npt.NDArray[np.uint8]
    quality: npt.NDArray[np.float32]
    nuclei: npt.NDArray[np.bool_]


class Job(NamedTuple):
    """A changed copy of one of the test images of a fold."""

    sample: Sample
    donor: Path
    """A field of another slide."""
    chance: tuple[int, ...]
    """Key of the generator, so that every run changes the field in the same way."""


@dataclass
class Table:
    """What one backbone said so far; becomes ``Predictions``."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    place: dict[tuple[str, Path], int] = field(default_factory=dict)
    """Row of a test image of a fold."""
    variants: dict[str, list[tuple[int, npt.NDArray[Any], npt.NDArray[Any]]]] = field(
        default_factory=dict
    )

    def predictions(self, protocol: str, backbone: str, meta: Mapping[str, Any]) -> Predictions:
        """Return the rows as ``Predictions``."""
        columns = {name: [row[name] for row in self.rows] for name in self.rows[0]}
        texts: dict[str, Any] = {name: np.array(columns.pop(name)) for name in TEXTS}
        return Predictions(
            protocol=protocol,
            backbone=backbone,
            targets=np.array(columns.pop("targets"), np.int64),
            logits=np.array(columns["logits"], np.float32),
            quality=np.array(columns["quality"], np.float32),
            nuclei_heat=np.array(columns["nuclei_heat"], np.float32),
            **texts,
            variants={
                name: Variant(
                    np.array([row for row, _, _ in each], np.int64),
                    np.array([logits for _, logits, _ in each], np.float32),
                    np.array([quality for _, _, quality in each], np.float32),
                )
                for name, each in self.variants.items()
            },
            meta=meta,
        )


class Predictor:
    """Collects the answers of several backbones, image by image, over any number of folds."""

    def __init__(
        self,
        root: Path,
        advance: Callable[[int], None] = lambda count: None,
        *,
        stages: bool = True,
    ) -> None:
        """Take the folder of all images; without ``stages`` malignant alone is enough of a class.

        ``advance`` is told how many fields were answered.
        """
        self.root = root
        self.advance = advance
        self.stages = stages
        self.tables: dict[str, Table] = {}
        self.failed: dict[str, str] = {}
        """Reason by path of the images that the server would refuse."""

    def fold(self, fold: Fold, models: Mapping[str, Model]) -> None:
        """Answer the validation and test images of a fold."""
        for part in PARTS:
            for batch in _batches(fold.parts.get(part, [])):
                self._batch(fold.name, part, batch, models)

    def changes(
        self,
        fold: str,
        jobs: Sequence[Job],
        changes: Iterable[Change],
        models: Mapping[str, Model],
    ) -> None:
        """Answer every change of every job; its images must have been answered before."""
        jobs = [job for job in jobs if self._path(job.sample) not in self.failed]
        originals = [_original(job) for job in jobs]
        for number, change in enumerate(changes):
            for batch in _batches(list(zip(jobs, originals, strict=True))):
                decoded = _parallel(partial(_changed, change, number), batch)
                pixels = np.stack([each.pixels for each in decoded])
                for name, model in models.items():
                    table, (logits, _) = self.tables[name], model(pixels)
                    rows = table.variants.setdefault(change.name, [])
                    for (job, _), one, own in zip(batch, decoded, logits, strict=True):
                        rows.append((table.place[fold, job.sample.path], own, one.quality))
                self.advance(len(batch))

    def _batch(
        self, fold: str, part: str, samples: Sequence[Sample], models: Mapping[str, Model]
    ) -> None:
        read = _parallel(_opened, samples)
        answered: list[tuple[Sample, Read]] = []
        for sample, one in zip(samples, read, strict=True):
            if isinstance(one, Read):
                answered.append((sample, one))
            else:
                self.failed[self._path(sample)] = one
        if answered:
            pixels = np.stack([one.pixels for _, one in answered])
            for name, model in models.items():
                table = self.tables.setdefault(name, Table())
                for (sample, one), logits, cam in zip(answered, *model(pixels), strict=True):
                    if part == "test":
                        table.place[fold, sample.path] = len(table.rows)
                    table.rows.append(
                        {
                            "paths": self._path(sample),
                            "targets": self._target(sample),
                            "groups": sample.group or self._path(sample),
                            "slides": sample.slide,
                            "folds": fold,
                            "parts": part,
                            "logits": logits,
                            "quality": one.quality,
                            "nuclei_heat": heat.measure(cam[..., logits.argmax()], one.nuclei),
                        }
                    )
        self.advance(len(samples))

    def _target(self, sample: Sample) -> int:
        return UNSTAGED if sample.subtype is None and not self.stages else sample.target

    def _path(self, sample: Sample) -> str:
        return sample.path.relative_to(self.root).as_posix()


def jobs(folds: Sequence[Fold], count: int, seed: int) -> dict[str, list[Job]]:
    """Draw ``count`` test images by ``seed`` (all, if there are fewer), and sort them by fold.

    A donor is drawn from the sample's images of other slides; where no slide is named or there
    is but one, from all of them.
    """
    tests = [(fold.name, sample) for fold in folds for sample in fold.parts.get("test", [])]
    rng = np.random.default_rng(seed)
    drawn = sorted(rng.choice(len(tests), min(count, len(tests)), replace=False).tolist())
    chosen = [tests[place] for place in drawn]
    by_fold: dict[str, list[Job]] = {}
    for number, (fold, sample) in enumerate(chosen):
        others = [other for _, other in chosen if other.slide != sample.slide]
        donors = others or [other for _, other in chosen]
        donor = donors[int(rng.integers(len(donors)))]
        by_fold.setdefault(fold, []).append(Job(sample, donor.path, (seed, number)))
    return by_fold


def _original(job: Job) -> tuple[fields.Rgb, fields.Rgb]:
    field = fields.read(job.sample.path.read_bytes())
    try:
        return field, fields.read(job.donor.read_bytes())
    except OSError:  # A donor that cannot be read is named among the failed images.
        return field, field


def _opened(sample: Sample) -> Read | str:
    """Return a sample's field, or the reason why the server would refuse it."""
    try:
        decoded = served.pixels.decode(sample.path.read_bytes())
    except (OSError, served.pixels.ImageError) as error:
        return f"[{getattr(error, 'code', 'file_unreadable')}] {error}"
    return Read(decoded.pixels, decoded.quality, decoded.nuclei)


def _changed(change: Change, number: int, each: tuple[Job, tuple[fields.Rgb, fields.Rgb]]) -> Any:
    """Return one job's field after a change, as the server decodes it."""
    job, originals = each
    rng = np.random.default_rng((*job.chance, number))
    return served.pixels.decode(change(*originals, rng))


def _parallel(work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Map a function in threads: Pillow, OpenCV and NumPy let other threads work meanwhile."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(work, items))


def _batches(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
