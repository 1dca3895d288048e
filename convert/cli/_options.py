"""Defines the options that several commands of ``python -m convert`` have."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from toolkit.commands import BACKBONES, FILE, NEW_FOLDER

if TYPE_CHECKING:
    from convert.images import Fields, Watch

MASTERS: Final = Path("training/masters")
BUILD: Final = Path("build/convert")
"""Where artifacts go unless told otherwise; git ignores it."""


class Master(NamedTuple):
    """A master file and the backbone that it holds."""

    backbone: str
    path: Path


def masters_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add MASTERS, --backbone, --all and --masters to a command.

    The command gets ``masters``, a list[Master].
    """

    @functools.wraps(command)
    def wrapped(
        files: tuple[Path, ...],
        backbones: tuple[str, ...],
        everything: bool,
        folder: Path,
        **rest: Any,
    ) -> Any:
        return command(masters=_chosen(files, backbones, everything, folder), **rest)

    for option in (
        click.option(
            "--masters",
            "folder",
            type=NEW_FOLDER,
            default=MASTERS,
            show_default=True,
            help="Folder of <backbone>.keras.",
        ),
        click.option("--all", "everything", is_flag=True, help="All three backbones."),
        click.option(
            "--backbone",
            "backbones",
            type=click.Choice(BACKBONES),
            multiple=True,
            help="One backbone; may be given several times.",
        ),
        click.argument("files", metavar="[MASTER]...", nargs=-1, type=FILE),
    ):
        wrapped = option(wrapped)
    return wrapped


def places(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --out and --into, from which ``place`` chooses."""
    for option in (
        click.option(
            "--into",
            type=NEW_FOLDER,
            default=BUILD,
            show_default=True,
            help="Folder of <backbone>/<artifact>/.",
        ),
        click.option(
            "--out", type=NEW_FOLDER, help="The artifact's own folder, for one MASTER alone."
        ),
    ):
        command = option(command)
    return command


def place(out: Path | None, into: Path, masters: Sequence[Master], one: Master, name: str) -> Path:
    """Return where the artifact ``name`` of one of the masters goes."""
    if out is None:
        return into / one.backbone / name
    if len(masters) != 1:
        raise click.UsageError(
            f"--out is the folder of one artifact, and there are {len(masters)} masters; use --into"
        )
    return out


def data_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --data to a command."""
    return click.option(
        "--data",
        type=NEW_FOLDER,
        help="Image folder with its split.csv; without it, fields are drawn, which shows that the "
        "conversion works and not how good it is.",
    )(command)


def read(data: Path | None, part: str, most: int | None = None) -> Fields:
    """Return the fields of one part of the data, decoded under a progress bar."""
    from convert import images

    if data is not None and not data.is_dir():
        raise images.DataError(f"{data} is no folder; --data names the one that has split.csv")
    return images.fields(data, part, most, watch(f"decoding {part} images"))


def read_folder(folder: Path) -> Fields:
    """Return the fields of no known class, decoded under a progress bar."""
    from convert import images

    if not folder.is_dir():
        raise images.DataError(f"{folder} is no folder")
    return images.folder(folder, watch(f"decoding {folder.name}"))


def watch(label: str) -> Watch:
    """Pass encoded fields on under a progress bar."""

    def watched(encoded: Sequence[bytes]) -> Iterable[bytes]:
        with click.progressbar(encoded, label=label) as bar:
            yield from bar

    return watched


def tell_drawn(data: Path | None, what: str) -> None:
    """Say plainly that no real image was there."""
    if data is None:
        click.secho(
            f"No --data: {what} from drawn fields. That shows that the conversion works; it says "
            "nothing about real smears, and what comes out is not for serving.",
            fg="yellow",
            err=True,
        )


def _chosen(
    files: Sequence[Path], backbones: Sequence[str], everything: bool, folder: Path
) -> list[Master]:
    if sum(map(bool, (files, backbones, everything))) != 1:
        raise click.UsageError(
            f"say which: a MASTER file, --backbone {'|'.join(BACKBONES)}, or --all (one of the "
            "three)"
        )
    if files:
        return [Master(file.stem, file) for file in files]
    chosen = [Master(name, folder / f"{name}.keras") for name in (backbones or BACKBONES)]
    missing = next((one for one in chosen if not one.path.is_file()), None)
    if missing is not None:
        raise click.ClickException(
            f"{missing.path} is missing; git checkout restores the released masters, "
            f"python -m training fit --backbone {missing.backbone} makes a new one"
        )
    return chosen
