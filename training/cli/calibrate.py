"""Defines the command ``python -m training calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from toolkit.commands import BACKBONES, FOLDER, NEW_FILE, clear_errors
from training.cli._options import data_option


@click.command()
@data_option
@click.option(
    "--predictions",
    "folder",
    type=FOLDER,
    help="Saved predictions. Those of slides left out choose the thresholds, and the policies "
    "that judge them are written beside them.",
)
@click.option(
    "--keras",
    "places",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="Masters to fit with (.keras files, or folders that hold them) instead of the backbones "
    "that the model repository serves.",
)
@click.option(
    "--artifacts",
    "converted",
    type=FOLDER,
    help="Fit with the backbones in <backbone>/openvino_int8/ of this folder, as python -m convert "
    "openvino writes them, instead of those that the model repository serves.",
)
@click.option(
    "--right",
    type=click.Choice(["class", "label"]),
    default="label",
    show_default=True,
    help="What an answer without review has to get right: the class, or benign/malignant alone.",
)
@click.option(
    "--out",
    type=NEW_FILE,
    default=Path("model_repository/vote/1/policy.json"),
    show_default=True,
)
def calibrate(
    root: Path,
    folder: Path | None,
    places: tuple[Path, ...],
    converted: Path | None,
    right: str,
    out: Path,
) -> None:
    """Fit temperatures, OOD score, limits and thresholds of the vote.

    \b
    Examples:
      python -m training calibrate --data all-smears --predictions docs/evaluation/predictions
      python -m training calibrate --data all-smears --keras runs
    """
    if places and converted:
        raise click.UsageError("give either --keras or --artifacts")
    from toolkit import served
    from training import record
    from training.evaluation import predictions
    from training.review import fit_policy, fold_policies

    with clear_errors(ImportError):
        left_out = None
        if folder is not None:
            left_out = {
                name: predictions.load(predictions.place(folder, "slides", name))
                for name in BACKBONES
            }
        result = fit_policy.fit(
            root, keras=places, converted=converted, predictions=left_out, right=right
        )
        record.write(out, result.policy)
        served.hand_on_temperature(out)
        if folder is not None:
            fold_policies.save(folder, result.folds)
    _tell(result.policy, result.folds)
    click.echo(f"{out} written")


def _tell(policy: dict[str, Any], folds: dict[str, dict[str, Any]]) -> None:
    about = policy["fitted_on"]
    click.echo(f"ECE, cross-fitted over groups of the validation part: {about['ece']:.4f}")
    click.echo(f"confidence at least {policy['confidence']}")
    click.echo(f"OOD score at most {policy['ood']['review_above']}")
    click.echo(f"known slides, validation part:  {_line(about['known'])}")
    if not folds:
        click.echo("No predictions of slides left out: the thresholds keep their defaults.")
        return
    click.echo(f"slides left out, all together:  {_line(about['thresholds']['left_out'])}")
    click.echo("each judged by a policy that knows nothing of it:")
    for fold, judge in folds.items():
        click.echo(f"  {fold:<28}  {_line(judge['fitted_on']['left_out'])}")


def _line(outcome: dict[str, int]) -> str:
    return (
        f"{outcome['without_review']} of {outcome['images']} without review, "
        f"{outcome['wrong_class']} of them a wrong class, {outcome['wrong_label']} a wrong label"
    )
