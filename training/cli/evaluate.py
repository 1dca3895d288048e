"""Defines the command ``python -m training evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from toolkit.commands import BACKBONES, FILE, FOLDER, NEW_FILE, NEW_FOLDER, clear_errors
from training.cli._options import PROTOCOLS


@click.command()
@click.option(
    "--data",
    "root",
    type=FOLDER,
    help="Folder of the Kaggle set: Benign, Early, Pre, Pro, and a split.csv if there is one.",
)
@click.option(
    "--outside",
    type=FOLDER,
    help="Folder of images of other laboratories instead; each source of its labels.csv is a set "
    "of its own.",
)
@click.option(
    "--all-are",
    "subtype",
    type=click.Choice(("benign", "early_pre_b", "pre_b", "pro_b")),
    help="The class of all images of --outside, if it has no labels.csv.",
)
@click.option(
    "--keras",
    "runs",
    type=FOLDER,
    help="Masters: RUNS/<protocol>/<fold>/<backbone>/<backbone>.keras; those of the protocol known "
    "may lie in RUNS itself.",
)
@click.option(
    "--protocol",
    "--way",
    "protocol",
    type=click.Choice(PROTOCOLS),
    default=PROTOCOLS[0],
    show_default=True,
)
@click.option(
    "--left-out",
    multiple=True,
    metavar="SLIDE[+SLIDE]",
    help="Folds of the protocol slides instead of the usual ones; repeat for several.",
)
@click.option(
    "--backbone",
    "backbones",
    type=click.Choice(BACKBONES),
    multiple=True,
    default=BACKBONES,
    help="Only this one; repeat for several.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Also answer so many test images changed in every way: shortcut probes, stress curves.",
)
@click.option("--seed", default=0, show_default=True, help="Of the sample, and of chance in it.")
@click.option(
    "--cost", is_flag=True, help="Also measure parameters, work, size and latency (OpenVINO)."
)
@click.option(
    "--save",
    type=NEW_FOLDER,
    help="Store the predictions in FOLDER/<protocol>/, instead of earlier ones.",
)
@click.option(
    "--policy",
    type=FILE,
    help="With --keras: the review policy that is shown.  [default: the one that is served]",
)
@click.option("--server", metavar="ADDRESS", help="Ask a running server, for example HOST:8001.")
@click.option("--split", "part", help="With --server: train, val or test.  [default: test]")
@click.option(
    "--output",
    type=NEW_FILE,
    help="With --server: write all figures and failed images as JSON as well.",
)
def evaluate(
    root: Path | None,
    outside: Path | None,
    subtype: str | None,
    runs: Path | None,
    protocol: str,
    left_out: tuple[str, ...],
    backbones: tuple[str, ...],
    sample: int,
    seed: int,
    cost: bool,
    save: Path | None,
    policy: Path | None,
    server: str | None,
    part: str | None,
    output: Path | None,
) -> None:
    """Answer images whose class is known, with masters or through a server, and score it.

    With masters, predictions are stored (--save) for python -m training report. Exit code 1 if
    an image could not be read.

    \b
    Examples:
      python -m training evaluate --data all-smears --protocol known --keras runs --sample 200 \\
          --cost --save docs/evaluation/predictions
      python -m training evaluate --data all-smears --protocol slides --keras runs --save FOLDER
      python -m training evaluate --outside healthy --all-are benign --keras runs --save FOLDER
      python -m training evaluate --outside other-labs --keras training/masters
      python -m training evaluate --data all-smears --server 127.0.0.1:8001
    """
    folder = root or outside
    if folder is None or (root and outside):
        raise click.UsageError("give either --data or --outside")
    labelled = outside is not None and (outside / "labels.csv").is_file()
    if bool(outside) != bool(subtype or labelled) or (subtype and labelled):
        raise click.UsageError("--outside takes a folder with a labels.csv, or --all-are")
    if bool(server) == bool(runs):
        raise click.UsageError("give either --server or --keras")
    if server:
        _ask_server(folder, server, subtype, part or "test", output)
    elif part or output:
        raise click.UsageError(
            "--split and --output go with --server; --keras takes --protocol, --save"
        )
    elif outside and (sample or left_out):
        raise click.UsageError("--sample and --left-out go with --data")
    elif runs:
        changed = {"left_out": left_out or None, "sample": sample, "seed": seed}
        with clear_errors():
            if labelled:
                plans = _labelled(folder, runs, backbones)
            else:
                plans = [_plan(folder, runs, protocol, subtype, backbones, **changed)]
            failed = [_run_masters(plan, cost, save, policy) for plan in plans]
        if any(failed):
            raise SystemExit(1)


def _plan(
    root: Path,
    runs: Path,
    protocol: str,
    subtype: str | None,
    backbones: tuple[str, ...],
    **changed: Any,
) -> Any:
    from allclient.contract import Subtype
    from training.data import samples as dataset
    from training.evaluation.measure import planning

    if subtype is None:
        return planning.plan(runs, protocol, root, backbones=backbones, **changed)
    samples = dataset.read_folder(root, Subtype(subtype)).part("all")
    return planning.outside(runs, root, samples, backbones=backbones)


def _labelled(root: Path, runs: Path, backbones: tuple[str, ...]) -> list[Any]:
    from training.data import labelled
    from training.evaluation.measure import planning

    return [
        planning.outside(runs, root, samples, backbones=backbones, name=source)
        for source, samples in labelled.by_source(root).items()
    ]


def _run_masters(plan: Any, cost: bool, save: Path | None, policy: Path | None) -> bool:
    """Answer, store and show; returns whether an image could not be read."""
    from rich.console import Console

    from toolkit import served
    from training import record
    from training.evaluation import figures, predictions, show
    from training.evaluation.measure import cost as costs
    from training.evaluation.measure import loaded_masters, planning
    from training.evaluation.study.study import Study

    for name in plan.missing:
        click.echo(f"missing, left out: {name}", err=True)
    with click.progressbar(length=plan.steps, label=plan.protocol) as progress:
        predicted, failed = planning.execute(plan, loaded_masters.load, progress.update)
    if save:
        for each in predicted.values():
            click.echo(f"{predictions.save(each, save)} written")
    # Without a folder: policies of slides left out that lie in it belong to earlier predictions.
    study = Study(predicted, served.majority.Policy.load(policy or figures.POLICY))
    if plan.protocol.startswith(predictions.OUTSIDE):
        show.outside(plan.protocol, study.outside(), Console())
    else:
        show.protocol(plan.protocol, study.protocol(), Console())
    if cost:
        measured = costs.measure(next(each for each in plan.masters.values() if each))
        show.cost(measured, Console())
        if save:
            record.write(save / figures.COST, measured)
    for name, reason in failed.items():
        click.echo(f"failed: {name}: {reason}", err=True)
    return bool(failed)


def _ask_server(
    root: Path, address: str, subtype: str | None, part: str, output: Path | None
) -> None:
    from rich.console import Console

    from allclient.contract import Subtype
    from allclient.errors import AllclientError
    from training import record
    from training.data import samples as dataset
    from training.evaluation import answers
    from training.evaluation import summary as scoring

    with clear_errors(AllclientError):
        data = dataset.read_folder(root, Subtype(subtype)) if subtype else dataset.read(root)
        if not data.has_split:
            click.echo(f"{root} has no split.csv: all of its images are scored")
            part = "all"
        samples = data.part(part)
        source = answers.from_server(samples, address)
        with click.progressbar(source, length=len(samples), label=part) as progress:
            summary = scoring.summarise(list(progress))
    scoring.show(summary, Console())
    if output:
        about = {"data": root.name, "part": part, "sha256": dataset.digest(samples, root)}
        record.write(output, record.stamped(**about, **summary))
    if summary["failed"]:
        raise SystemExit(1)
