"""Plans ``python -m training evaluate``: which masters answer which images, and what is kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit import served
from training import record
from training.data import protocols
from training.data.protocols import Fold
from training.data.samples import Sample
from training.evaluation.measure.predict import Model, Predictor, jobs
from training.evaluation.predictions import OUTSIDE, PARTS, Predictions
from training.evaluation.probes import catalogue

ONE_FOLD = "known"
"""The masters of this protocol answer sets from outside, and may lie in RUNS itself."""


@dataclass(frozen=True)
class Plan:
    """What is to be evaluated."""

    protocol: str
    """known, random, slides, or outside-<name>."""
    root: Path
    folds: Sequence[Fold]
    masters: Mapping[str, Mapping[str, Path]]
    """By fold and backbone."""
    backbones: Sequence[str]
    """Those asked for."""
    sample: int = 0
    """How many test images are changed in every way of the catalogue."""
    seed: int = 0

    @property
    def missing(self) -> list[str]:
        """What RUNS lacks of what was asked for, in words."""
        backbones = {name for each in self.masters.values() for name in each}
        return [
            f"{name}: fold {fold.name}" if name in backbones else f"{name}: no master"
            for name in self.backbones
            for fold in (self.folds if name in backbones else self.folds[:1])
            if name not in self.masters[fold.name]
        ]

    @property
    def answered(self) -> list[Fold]:
        """The folds that have a master."""
        return [fold for fold in self.folds if self.masters[fold.name]]

    @property
    def steps(self) -> int:
        """How many fields will be looked at, changed ones included."""
        plain = [len(fold.parts.get(part, [])) for fold in self.answered for part in PARTS]
        tests = sum(len(fold.parts["test"]) for fold in self.answered)
        changes = len(catalogue.probes()) + len(catalogue.stresses())
        return sum(plain) + changes * min(self.sample, tests)


def plan(
    runs: Path,
    protocol: str,
    root: Path,
    *,
    backbones: Sequence[str],
    left_out: Sequence[str] | None = None,
    sample: int = 0,
    seed: int = 0,
) -> Plan:
    """Find the masters RUNS/<protocol>/<fold>/<backbone>/<backbone>.keras of one protocol.

    Those of the protocol "known" may also lie in RUNS as <backbone>.keras, as released masters do.

    Raises:
        FileNotFoundError: there is none.
        DatasetError: the data lacks what the protocol needs.
    """
    if not any(_masters(runs, protocol, fold, backbones) for fold in _fold_names(runs, protocol)):
        raise _none(runs, protocol, backbones)
    folds = protocols.folds(root, protocol, left_out=left_out)
    masters = {fold.name: _masters(runs, protocol, fold.name, backbones) for fold in folds}
    if not any(masters.values()):
        raise _none(runs, protocol, backbones)
    return Plan(protocol, root, folds, masters, backbones, sample, seed)


def outside(
    runs: Path, root: Path, samples: Sequence[Sample], *, backbones: Sequence[str], name: str = ""
) -> Plan:
    """Plan a set of another laboratory, answered by the masters of the protocol "known".

    Args:
        name: of the set; that of its folder if empty.
    """
    masters = _masters(runs, ONE_FOLD, ONE_FOLD, backbones)
    if not masters:
        raise _none(runs, ONE_FOLD, backbones)
    fold = Fold(ONE_FOLD, {"test": list(samples)})
    protocol = f"{OUTSIDE}{name or root.resolve().name}"
    return Plan(protocol, root, [fold], {ONE_FOLD: masters}, backbones)


def execute(
    plan: Plan,
    load: Callable[[Path], Model],
    advance: Callable[[int], None] = lambda count: None,
) -> tuple[dict[str, Predictions], dict[str, str]]:
    """Return predictions by backbone, and the reason by path for images that cannot be read.

    ``load`` makes a backbone of a master, ``advance`` is told how many fields are done.

    Raises:
        ValueError: no image can be read at all.
    """
    predictor = Predictor(plan.root, advance, stages=not plan.protocol.startswith(OUTSIDE))
    work = jobs(plan.answered, plan.sample, plan.seed) if plan.sample else {}
    changes = [*catalogue.probes(), *catalogue.stresses()]
    for fold in plan.answered:
        models = {name: load(path) for name, path in plan.masters[fold.name].items()}
        predictor.fold(fold, models)
        predictor.changes(fold.name, work.get(fold.name, []), changes, models)
    if not predictor.tables:
        path, reason = next(iter(predictor.failed.items()))
        raise ValueError(f"no image of {plan.root} can be read; {path}: {reason}")
    predictions = {
        name: table.predictions(plan.protocol, name, _meta(plan, name, predictor.failed))
        for name, table in predictor.tables.items()
    }
    return predictions, predictor.failed


def _meta(plan: Plan, backbone: str, failed: Mapping[str, str]) -> dict[str, Any]:
    return record.stamped(
        data=plan.root.resolve().name,
        masters={
            fold: hashlib.sha256(masters[backbone].read_bytes()).hexdigest()
            for fold, masters in plan.masters.items()
            if backbone in masters
        },
        preprocessing=_digest("preprocess"),
        changed={"images": plan.sample, "seed": plan.seed} if plan.sample else None,
        failed=dict(failed),
    )


def _digest(model: str) -> str:
    """Return SHA-256 over the Python files of a model of the repository."""
    total = hashlib.sha256()
    for path in sorted((served.MODEL_REPOSITORY / model / "1").glob("*.py")):
        total.update(path.name.encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def _fold_names(runs: Path, protocol: str) -> list[str]:
    return [ONE_FOLD, *(each.name for each in (runs / protocol).glob("*") if each.is_dir())]


def _masters(runs: Path, protocol: str, fold: str, backbones: Sequence[str]) -> dict[str, Path]:
    places = [runs / protocol / fold]
    if protocol == ONE_FOLD:
        places.append(runs)
    paths: dict[str, Path] = {}
    for name in backbones:
        for place in places:
            for path in (place / name / f"{name}.keras", place / f"{name}.keras"):
                if path.is_file():
                    paths.setdefault(name, path)
    return paths


def _none(runs: Path, protocol: str, backbones: Sequence[str]) -> FileNotFoundError:
    nor = "".join(f", nor {name}.keras" for name in backbones[1:])
    return FileNotFoundError(
        f"no {backbones[0]}.keras in {runs / protocol}/<fold>/{backbones[0]}{nor}; "
        "python -m training fit makes them"
    )
