"""Command line of ``python -m training``. Heavy imports wait until a command needs them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

BACKBONES = ("mobilenet", "xception", "inception_v3")
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
data_option = click.option(
    "--data",
    "root",
    type=FOLDER,
    required=True,
    help="Folder of the Kaggle set: Benign, Early, Pre, Pro, and a split.csv if there is one.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Train, score and calibrate the three backbones."""


@main.command()
@click.option("--backbone", type=click.Choice(BACKBONES), required=True)
@data_option
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--stage",
    "stages",
    multiple=True,
    metavar="SIDE:EPOCHS[:RATE]",
    help="Training views' side in pixels, epochs, learning rate; repeat for several stages. "
    "Default: the backbone's recipe.",
)
@click.option(
    "--weights",
    default="none",
    show_default=True,
    metavar="none|imagenet|PATH",
    help="Start from nothing, from Keras's ImageNet weights (a download), or from a .keras file.",
)
@click.option("--dtype", help="Keras dtype policy, for example mixed_bfloat16.")
@click.option("--patience", type=int, help="Stop after so many epochs without a better val loss.")
def fit(
    backbone: str,
    root: Path,
    out: Path,
    seed: int,
    stages: tuple[str, ...],
    weights: str,
    dtype: str | None,
    patience: int | None,
) -> None:
    """Train one backbone into OUT; the same command again goes on where it was stopped.

    \b
    Example:
      python -m training fit --backbone mobilenet --data all-smears --out runs/mobilenet
    """
    from allclient.contract import Backbone
    from training import run
    from training.recipes import RECIPES, Stage

    changes: dict[str, Any] = {"dtype": dtype, "patience": patience}
    if stages:
        try:
            changes["stages"] = tuple(Stage.parse(text) for text in stages)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--stage") from error
    recipe = dataclasses.replace(
        RECIPES[Backbone(backbone)], **{k: v for k, v in changes.items() if v is not None}
    )
    with _clear_errors():
        run.train(Backbone(backbone), recipe, root, out, seed=seed, weights=weights)


@main.command()
@data_option
@click.option("--seed", default=0, show_default=True)
def split(root: Path, seed: int) -> None:
    """Write DATA/split.csv, a random split, for a download that has none.

    Classes keep their shares and equal files stay together. Fields of the public set overlap and
    come from few slides, so scores on a random split are flattering; a split that keeps slides
    or overlapping fields together is worth the work.
    """
    from training import dataset

    with _clear_errors():
        written = dataset.write_random_split(root, seed)
    click.echo(f"{written} written")


@main.command()
@data_option
@click.option(
    "--keras",
    "places",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    required=True,
    help="Masters: .keras files, or folders that hold them (for example runs).",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("model_repository/vote/1/policy.json"),
    show_default=True,
)
def calibrate(root: Path, places: tuple[Path, ...], out: Path) -> None:
    """Fit temperatures, strangeness and quality limits of the vote on the validation part.

    \b
    Example:
      python -m training calibrate --data all-smears --keras runs
    """
    from training import run

    with _clear_errors():
        run.calibrate(root, places, out)
    click.echo(f"{out} written")


@main.command()
@data_option
@click.option("--split", "part", default="test", show_default=True, help="train, val or test.")
@click.option("--server", metavar="ADDRESS", help="Ask a running server, for example HOST:8001.")
@click.option(
    "--keras",
    "places",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Vote here with these masters instead: .keras files or folders that hold them.",
)
@click.option(
    "--all-are",
    "subtype",
    type=click.Choice(("benign", "early_pre_b", "pre_b", "pro_b")),
    help="DATA is one folder of images of this class, without class folders.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write all figures and failed images as JSON as well.",
)
def evaluate(
    root: Path,
    part: str,
    server: str | None,
    places: tuple[Path, ...],
    subtype: str | None,
    output: Path | None,
) -> None:
    """Score answers against the folder names.

    Without a split.csv in DATA all of its images are scored. Exit code 1 if an image failed.

    \b
    Examples:
      python -m training evaluate --data all-smears --server 127.0.0.1:8001
      python -m training evaluate --data healthy --all-are benign --keras runs
    """
    if bool(server) == bool(places):
        raise click.UsageError("give either --server or --keras")
    from rich.console import Console

    from allclient.contract import Subtype
    from allclient.errors import AllclientError
    from training import answers, dataset, masters
    from training import evaluate as scoring

    with _clear_errors(AllclientError):
        data = dataset.read_folder(root, Subtype(subtype)) if subtype else dataset.read(root)
        if not data.has_split:
            click.echo(f"{root} has no split.csv: all of its images are scored")
            part = "all"
        samples = data.part(part)
        source = (
            answers.from_server(samples, server)
            if server
            else answers.from_masters(samples, places)
        )
        with click.progressbar(source, length=len(samples), label=part) as progress:
            summary = scoring.summarise(list(progress))
    scoring.show(summary, Console())
    if output:
        about = {"data": root.name, "part": part, "sha256": dataset.digest(samples, root)}
        masters.write_record(output, masters.record(**about, **summary))
    if summary["failed"]:
        raise SystemExit(1)


@contextlib.contextmanager
def _clear_errors(*also: type[Exception]) -> Iterator[None]:
    """A wrong folder, file or option is told in one sentence, without a traceback."""
    try:
        yield
    except (OSError, ValueError, *also) as error:
        raise click.ClickException(str(error)) from error
