"""Computes what a frozen extractor sees of fields and random views of them, and keeps it on disk.

Folds share their images, and a fold differs in its head alone, so that features are computed once
for all of them. A view depends on the seed, its number and the file's content, not on the fold or
on other images; therefore views take no colours from other fields here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt

from allclient.contract import SIDE
from toolkit import served
from training.augment import random_view
from training.data.samples import DatasetError, Sample
from training.fit.batches import WHOLE
from training.fit.release.recipe import HeadRecipe

BATCH = 16
KEEP_EVERY = 512
"""Images after which what was computed is written, so that a killed run loses little."""
MAX_CHANGE = 0.1
"""How far a feature computed again may move, in standard deviations of a field's features: far
above what another processor's rounding does, far below what other pixels do."""


class FeaturesError(ValueError):
    """Kept features do not fit any more."""


@dataclass
class Features:
    """The features of fields by one extractor, one seed and one recipe's views."""

    extractor: keras.Model
    """PIXELS to float32 [n, channels]."""
    recipe: HeadRecipe
    seed: int
    folder: Path
    """Where they are kept; the file's name tells extractor and settings apart."""
    report: Callable[[int, int], None] = lambda done, total: None
    """Called with how many fields are done and how many there are."""

    def of(self, samples: Sequence[Sample]) -> npt.NDArray[np.float32]:
        """Return the features float32 [n, 1 + views, channels] of each field, then of its views.

        Raises:
            DatasetError: an image that the server would refuse; the message names it.
            FeaturesError: what is kept was made by another preprocessing or other views.
        """
        kept = self._read()
        keys = [_key(sample.path.read_bytes()) for sample in samples]
        self._check(kept, keys, samples)
        new = {k: s for k, s in zip(keys, samples, strict=True) if k not in kept}
        waiting = list(new.items())
        done = len(samples) - len(waiting)
        with ThreadPoolExecutor(1) as pool:
            for start in range(0, len(waiting), BATCH):
                if start == 0:
                    drawn = pool.submit(self._drawn, waiting[:BATCH])
                views = drawn.result()
                drawn = pool.submit(self._drawn, waiting[start + BATCH : start + 2 * BATCH])
                seen = self._seen(views)
                part = waiting[start : start + BATCH]
                kept.update({key: row for (key, _), row in zip(part, seen, strict=True)})
                self.report(done + start + len(part), len(samples))
                if start // KEEP_EVERY != (start + BATCH) // KEEP_EVERY:
                    self._write(kept)
        if waiting:
            self._write(kept)
        return np.stack([kept[key] for key in keys])

    def _check(
        self,
        kept: dict[str, npt.NDArray[np.float32]],
        keys: Sequence[str],
        samples: Sequence[Sample],
    ) -> None:
        """Compute one field anew: no file name knows the code that makes pixels and views."""
        for key, sample in zip(keys, samples, strict=True):
            if key in kept:
                again = self._seen(self._drawn([(key, sample)]))[0]
                if np.abs(again - kept[key]).max() > MAX_CHANGE * again.std():
                    raise FeaturesError(
                        f"{self.path} was made by another preprocessing or other views than "
                        "today's; delete it to compute the features anew"
                    )
                return

    def _seen(self, views: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        count, each = views.shape[:2]
        flat = views.reshape(count * each, *views.shape[2:])
        parts = [
            self.extractor.predict_on_batch(flat[start : start + BATCH])
            for start in range(0, len(flat), BATCH)
        ]
        features: npt.NDArray[np.float32] = (
            np.concatenate(parts).astype(np.float32).reshape(count, each, -1)
        )
        return features

    def _drawn(self, part: Sequence[tuple[str, Sample]]) -> npt.NDArray[np.uint8]:
        if not part:
            return np.empty(0, np.uint8)
        return np.stack([self._views(key, sample) for key, sample in part])

    def _views(self, key: str, sample: Sample) -> npt.NDArray[np.uint8]:
        try:
            field = served.pixels.rgb(sample.path.read_bytes())
        except served.pixels.ImageError as error:
            raise DatasetError(f"{sample.path}: {error}") from error
        config = dataclasses.replace(self.recipe.augment, zoom=WHOLE)
        content = zlib.crc32(key.encode())
        return np.stack(
            [
                served.pixels.render(field),
                *(
                    random_view.view(
                        field,
                        SIDE,
                        np.random.default_rng([self.seed, number, content]),
                        config,
                        render=served.pixels.render,
                    )
                    for number in range(self.recipe.views)
                ),
            ]
        )

    @property
    def path(self) -> Path:
        """The file of these features, named by the extractor's weights and the views."""
        made_by = hashlib.sha256()
        for weight in self.extractor.get_weights():
            made_by.update(np.ascontiguousarray(weight).tobytes())
        settings = [self.seed, self.recipe.views, dataclasses.asdict(self.recipe.augment)]
        made_by.update(json.dumps(settings).encode())
        return self.folder / f"{self.extractor.name}-{made_by.hexdigest()[:16]}.npz"

    def _read(self) -> dict[str, npt.NDArray[np.float32]]:
        if not self.path.is_file():
            return {}
        with np.load(self.path) as stored:
            return dict(zip(stored["keys"].tolist(), stored["features"], strict=True))

    def _write(self, kept: dict[str, npt.NDArray[np.float32]]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".tmp.npz")
        np.savez(temporary, keys=np.array(list(kept)), features=np.stack(list(kept.values())))
        temporary.replace(self.path)


def _key(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
