"""Writes drawn smear images, marked as drawn in each file's metadata: ``python -m samples``."""

from __future__ import annotations

import argparse
from pathlib import Path

from samples import dataset, render
from samples.stains import STAINS


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    top = argparse.ArgumentParser(prog="python -m samples", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    fields = commands.add_parser("render", help="draw fields of stained smears")
    _shared(fields, count=24)
    fields.add_argument("--stain", choices=tuple(STAINS), help="one stain only (all, in turn)")
    fields.add_argument(
        "--awkward",
        action="store_true",
        help="add a cut JPEG, a text named .png, an empty file and a 900 megapixel PNG",
    )
    labelled = commands.add_parser(
        "dataset",
        help="draw a data set to try the training with: a folder for each of the four classes, and "
        f"{dataset.TABLE}",
    )
    _shared(labelled, count=240)
    return top


def _shared(command: argparse.ArgumentParser, count: int) -> None:
    command.add_argument("--out", type=Path, required=True, help="folder to write to")
    command.add_argument("--count", type=int, default=count, help=f"fields to draw ({count})")
    command.add_argument("--seed", type=int, default=1, help="same seed, same pictures (1)")
    command.add_argument(
        "--side", type=int, default=render.HEIGHT, help=f"height in pixels, 4:3 ({render.HEIGHT})"
    )


def main() -> None:
    """Draw what the command line asks for."""
    options = parser().parse_args()
    if options.count < 0 or options.side < 16:
        parser().error("--count must not be negative and --side at least 16")
    same = {"count": options.count, "seed": options.seed, "height": options.side}
    if options.command == "dataset":
        paths = dataset.write(options.out, **same)
    else:
        paths = render.folder(options.out, stain=options.stain, awkward=options.awkward, **same)
    print(f"{len(paths)} files in {options.out}, {render.MARK}")


if __name__ == "__main__":
    main()
