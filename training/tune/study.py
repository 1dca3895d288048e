"""Keeps studies in an SQLite file: killed at any moment, the same command goes on with them."""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import optuna
from optuna.trial import Trial, TrialState

from training import record
from training.fit.whole.recipe import WholeRecipe
from training.tune import trial as training
from training.tune.factors import Factor, Value
from training.tune.trial import Bench

STORAGE = "study.db"
SUMMARY = "study.json"
TRIALS = "trials"


class StudyError(ValueError):
    """The study asked for cannot be run there."""


def search(
    bench: Bench, varied: Sequence[Factor], folder: Path, settings: dict[str, Any], trials: int
) -> dict[str, Any]:
    """Run Optuna's tree-structured Parzen estimator until ``trials`` trials are done or pruned.

    A trial is pruned when after a third of its epochs it is worse than the median of the earlier
    ones at that epoch. Returns, prints and stores the summary.
    """
    seed = int(settings["seed"])
    with _opened(folder, settings, bench.objective) as study:
        study.sampler = optuna.samplers.TPESampler(seed=seed + _finished(study))
        if isinstance(bench.recipe, WholeRecipe):
            study.pruner = optuna.pruners.MedianPruner(4, n_warmup_steps=bench.recipe.epochs // 3)
        else:  # a head is fitted in one step
            study.pruner = optuna.pruners.NopPruner()
        while (missing := trials - _finished(study)) > 0:
            study.optimize(
                lambda trial: _searched(bench, varied, folder, seed, trial), n_trials=missing
            )
        return _summarised(study, folder, settings)


def _searched(
    bench: Bench, varied: Sequence[Factor], folder: Path, seed: int, trial: Trial
) -> float:
    """Run one trial of a search; one whose loss is no number any more counts as pruned."""
    values = {factor.name: _suggest(trial, factor) for factor in varied}
    click.echo(f"trial {trial.number}: {_listed(values)}")

    def report(row: dict[str, Any]) -> None:
        trial.report(row[bench.objective], row["epoch"])
        if trial.should_prune():
            raise optuna.TrialPruned(f"pruned after epoch {row['epoch']}")

    try:
        value = training.run(bench, values, folder / TRIALS, seed=seed, report=report)
    except (optuna.TrialPruned, FloatingPointError) as reason:
        training.forget(folder / TRIALS, values, seed)
        click.echo(f"trial {trial.number}: {reason}")
        raise optuna.TrialPruned from reason
    click.echo(f"trial {trial.number}: {bench.objective} {value:.4f}")
    return value


def _suggest(trial: Trial, factor: Factor) -> Value:
    if factor.levels:
        level = trial.suggest_categorical(factor.name, factor.levels)
        assert level is not None
        return level
    return trial.suggest_float(factor.name, factor.low, factor.high, log=factor.log)


@contextlib.contextmanager
def _opened(folder: Path, settings: dict[str, Any], objective: str) -> Iterator[optuna.Study]:
    """Open the study of ``folder``, made if there is none, for this process alone.

    Trials that were running when the process was killed are queued again with their settings.

    Raises:
        StudyError: the study has other settings, or another process is at work on it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StudyError(f"{folder}: another process is at work on this study") from error
        study = optuna.create_study(
            storage=f"sqlite:///{folder / STORAGE}",
            study_name="study",
            direction="maximize" if training.OBJECTIVES[objective] else "minimize",
            load_if_exists=True,
        )
        _claim(study, folder, settings)
        yield study


def _claim(study: optuna.Study, folder: Path, settings: dict[str, Any]) -> None:
    wanted = json.loads(json.dumps(settings))
    earlier = study.user_attrs.get("settings")
    if earlier is None:
        study.set_user_attr("settings", wanted)
    elif earlier != wanted:
        differ = sorted(
            k for k in earlier.keys() | wanted.keys() if earlier.get(k) != wanted.get(k)
        )
        raise StudyError(
            f"{folder} is a study with another {', '.join(differ)}; give another --name"
        )
    for dead in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(dead.number, state=TrialState.FAIL)
        study.enqueue_trial(dead.params)


def _finished(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))


def _summarised(study: optuna.Study, folder: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """Return everything that the study has found, as ``folder``/study.json."""
    ran = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    content = record.stamped(
        settings=settings,
        trials=[
            {
                "number": each.number,
                "state": each.state.name.lower(),
                "value": each.value,
                "params": each.params,
            }
            for each in ran
        ],
        best={"number": study.best_trial.number, "value": study.best_value, **study.best_params}
        if any(each.state is TrialState.COMPLETE for each in ran)
        else None,
    )
    record.write(folder / SUMMARY, content)
    return content


def _listed(values: dict[str, Value]) -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    )
