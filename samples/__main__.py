"""``python -m samples render --out DIR``: write drawn smear images."""

from __future__ import annotations

import argparse
from pathlib import Path

from samples import render
from samples.stains import STAINS


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m samples", description=__doc__)
    command = top.add_subparsers(required=True).add_parser(
        "render", help="draw fields of stained smears, marked as drawn in each file's metadata"
    )
    command.add_argument("--out", type=Path, required=True, help="folder to write to")
    command.add_argument("--count", type=int, default=24, help="fields to draw (24)")
    command.add_argument("--seed", type=int, default=1, help="same seed, same pictures (1)")
    command.add_argument(
        "--side", type=int, default=render.HEIGHT, help=f"height in pixels, 4:3 ({render.HEIGHT})"
    )
    command.add_argument("--stain", choices=tuple(STAINS), help="one stain only (all, in turn)")
    command.add_argument(
        "--awkward",
        action="store_true",
        help="add a cut JPEG, a text named .png, an empty file and a 900 megapixel PNG",
    )
    return top


def main() -> None:
    options = parser().parse_args()
    if options.count < 0 or options.side < 16:
        parser().error("--count must not be negative and --side at least 16")
    paths = render.folder(
        options.out,
        count=options.count,
        seed=options.seed,
        height=options.side,
        stain=options.stain,
        awkward=options.awkward,
    )
    print(f"{len(paths)} files in {options.out}, {render.MARK}")


if __name__ == "__main__":
    main()
