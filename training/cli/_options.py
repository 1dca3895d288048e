"""Defines the options that several commands of ``python -m training`` have."""

from __future__ import annotations

from collections.abc import Callable

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


def laboratory_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say where the pictures of several laboratories are."""
    data = click.option(
        "--data",
        "folders",
        type=FOLDER,
        required=True,
        multiple=True,
        help="Folder of one laboratory (classes as folders) or of several (labels.csv); repeat.",
    )
    healthy = click.option(
        "--healthy",
        type=FOLDER,
        multiple=True,
        help="Folder of healthy fields of other laboratories, which are only evaluated; repeat.",
    )
    return data(healthy(command))
