"""Fits the served vote's policy, and the policies that judge slides left out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from allclient.contract import QUALITY_FIELDS
from toolkit import served
from training import record
from training.data import protocols
from training.data import samples as dataset
from training.review import assemble, left_out, served_backbones, temperature_scaling
from training.review.evidence import Evidence, Rows, gather, joined
from training.review.left_out import Answers, LeftOut
from training.review.thresholds import LIMIT, Thresholds, choose, outcome


@dataclass(frozen=True)
class Result:
    """What was fitted, and what it does."""

    policy: dict[str, Any]
    folds: dict[str, dict[str, Any]]
    """By fold of slides left out: the policy that judges it, fitted without those slides."""


class Measured:
    """Quality values of images, each measured once."""

    def __init__(self) -> None:
        self._known: dict[Path, npt.NDArray[np.float32]] = {}

    def quality(self, samples: Sequence[dataset.Sample]) -> npt.NDArray[np.float32]:
        """Return the quality values [n, Q].

        Raises:
            DatasetError: the server would refuse an image; the message names it.
        """
        new = [each for each in samples if each.path not in self._known]
        for start in range(0, len(new), 64):  # 64 decoded images at a time
            part = new[start : start + 64]
            measured = dataset.decode(part)[1]
            self._known |= {each.path: row for each, row in zip(part, measured, strict=True)}
        rows = [self._known[each.path] for each in samples]
        return np.array(rows, np.float32).reshape(-1, len(QUALITY_FIELDS))


def fit(
    root: Path,
    *,
    keras: Sequence[Path] = (),
    converted: Path | None = None,
    predictions: Mapping[str, Answers] | None = None,
    right: str = "label",
) -> Result:
    """Fit a policy on part "val" of ``root``, with the backbones of the model repository.

    Args:
        keras: masters to ask instead of the served backbones: files, or folders that hold them.
        converted: folder of <backbone>/openvino_int8/, whose backbones are asked instead.
        predictions: by backbone, of slides left out. They choose the thresholds; without them
            those keep their defaults.
        right: what an answer has to get right, one of ``thresholds.RIGHT``.
    """
    fold = protocols.folds(root, "known")[0]
    train, val = fold.parts["train"], fold.parts["val"]
    measured = Measured()
    logits, digests = _ask(val, keras, converted)
    known = Rows(
        logits,
        dataset.targets(val),
        measured.quality(val),
        np.array([each.group or each.path.name for each in val]),
    )
    fitted = assemble.policy(known, measured.quality(train), _slides(train))
    about = {
        "data": root.name,
        "part": "val",
        "images": len(val),
        "sha256": dataset.digest(val, root),
        "networks": digests,
    }
    own = gather(known, assemble.loaded(fitted))
    about["ece"] = round(
        temperature_scaling.cross_fitted_ece(logits, known.targets, known.units), 4
    )
    folds: dict[str, dict[str, Any]] = {}
    if predictions is None:
        thresholds = Thresholds()
        about["thresholds"] = {"chosen_on": "nothing: no predictions of slides left out were given"}
    else:
        unseen = left_out.read(predictions)
        drafts = {each.name: _draft(root, each, measured) for each in unseen}
        evidence = {
            each.name: gather(each.test, assemble.loaded(drafts[each.name])) for each in unseen
        }
        folds = _judges(unseen, drafts, evidence, right)
        everything = joined(list(evidence.values()))
        thresholds = choose(own, everything, right=right)
        about["thresholds"] = {
            "chosen_on": list(evidence),
            "right": right,
            "limit": LIMIT,
            "left_out": outcome(everything, thresholds.given(everything)),
        }
    about["known"] = outcome(own, thresholds.given(own))
    policy = assemble.with_thresholds(fitted, thresholds)
    policy["fitted_on"] = record.stamped(**about)
    assemble.loaded(policy)
    return Result(policy, folds)


def _ask(
    val: Sequence[dataset.Sample], keras: Sequence[Path], converted: Path | None
) -> tuple[npt.NDArray[np.float32], dict[str, str]]:
    """Return the logits [3, n, 4], and the SHA-256 of every backbone's file by its name."""
    pixels = dataset.decode(val)[0]
    if not keras:
        files = (
            served_backbones.files(converted, served_backbones.CONVERTED)
            if converted
            else served_backbones.files(served.MODEL_REPOSITORY)
        )
        names = {
            f"{file.parents[1].name}/{file.name}": served_backbones.digest(file) for file in files
        }
        return np.stack([served_backbones.logits(file, pixels) for file in files]), names
    from training.models import masters
    from training.models.predict import logits

    files = masters.find(keras)
    names = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    return np.stack([logits(masters.load(file), pixels) for file in files]), names


def _slides(samples: Sequence[dataset.Sample]) -> npt.NDArray[np.str_]:
    return np.array([each.slide for each in samples], np.str_)


def _draft(root: Path, fold: LeftOut, measured: Measured) -> dict[str, Any]:
    """Return a policy that knows nothing of the slides left out, thresholds still open."""
    train = protocols.folds(root, "slides", left_out=[fold.name])[0].parts["train"]
    return assemble.policy(fold.val, measured.quality(train), _slides(train))


def _judges(
    unseen: Sequence[LeftOut],
    drafts: Mapping[str, dict[str, Any]],
    evidence: Mapping[str, Evidence],
    right: str,
) -> dict[str, dict[str, Any]]:
    """Return the policy of every fold, its thresholds chosen on the other folds."""
    policies = {}
    for fold in unseen:
        others = [rows for name, rows in evidence.items() if name != fold.name]
        own = gather(fold.val, assemble.loaded(drafts[fold.name]))
        thresholds = choose(own, joined(others), right=right) if others else Thresholds()
        policy = assemble.with_thresholds(drafts[fold.name], thresholds)
        policy["fitted_on"] = {
            "without": fold.name,
            "thresholds_chosen_on": [name for name in evidence if name != fold.name],
            "left_out": outcome(evidence[fold.name], thresholds.given(evidence[fold.name])),
        }
        policies[fold.name] = policy
    return policies
