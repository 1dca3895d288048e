"""Command line of ``python -m training``. Heavy imports wait until a command needs them."""

from __future__ import annotations

import os

import click

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from training.cli.augment import views
from training.cli.calibrate import calibrate
from training.cli.data import data
from training.cli.distil import hints
from training.cli.evaluate import evaluate
from training.cli.fit import fit
from training.cli.inputs import inputs
from training.cli.report import report
from training.cli.split import split
from training.cli.tune import tune
from training.cli.weights import weights


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Train, score and calibrate the three backbones."""


main.add_command(fit)
main.add_command(hints)
main.add_command(inputs)
main.add_command(tune)
main.add_command(data)
main.add_command(split)
main.add_command(calibrate)
main.add_command(evaluate)
main.add_command(report)
main.add_command(views)
main.add_command(weights)
