"""Defines the options that several commands of ``python -m training`` have."""

from __future__ import annotations

import click

from toolkit.commands import FOLDER

PROTOCOLS = ("known", "random", "slides")
"""Names of the protocols, as in ``training.data.protocols``."""

data_option = click.option(
    "--data",
    "root",
    type=FOLDER,
    required=True,
    help="Folder of the images: the Kaggle set (Benign, Early, Pre, Pro), C-NMC 2019 (fold_0, "
    "...) or folders named after our classes; with a split.csv if there is one.",
)
