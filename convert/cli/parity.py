"""Defines the command ``python -m convert parity``."""

from __future__ import annotations

import platform
from pathlib import Path

import click

from convert.cli._options import (
    BUILD,
    Master,
    data_option,
    masters_options,
    read,
    read_folder,
    tell_drawn,
)
from toolkit.commands import BACKBONES, NEW_FOLDER, clear_errors


@click.command()
@masters_options
@data_option
@click.option(
    "--from",
    "built",
    type=NEW_FOLDER,
    default=BUILD,
    show_default=True,
    help="Folder of <backbone>/<artifact>/.",
)
@click.option(
    "--out",
    type=NEW_FOLDER,
    help="Folder for parity.md and parity.json.  [default: docs with --data, else --from]",
)
@click.option("--only", "names", multiple=True, help="One artifact; may be given several times.")
@click.option(
    "--others",
    type=NEW_FOLDER,
    help="Folder of fields of other laboratories: what the vote says of them with each artifact.",
)
@click.option("--images", type=int, help="Fewer test images, evenly over all.")
def parity(
    masters: list[Master],
    data: Path | None,
    built: Path,
    out: Path | None,
    names: tuple[str, ...],
    others: Path | None,
    images: int | None,
) -> None:
    """Compare every artifact with its Keras master on the public test part.

    Exit code 1 where a limit is missed, with the artifact and the number; what the conversion
    itself held back from serving is shown and is no failure.

    \b
    Example:
      python -m convert parity --all --data all-smears
    """
    from convert.parity import comparison as judge
    from convert.parity import parity_table as table
    from convert.parity import runtimes

    with clear_errors():
        chosen = runtimes.runtimes()
        if unknown := set(names) - {runtime.name for runtime in chosen}:
            known = ", ".join(runtime.name for runtime in chosen)
            raise click.UsageError(f"no artifact {sorted(unknown)[0]!r} here; there are {known}")
        chosen = [runtime for runtime in chosen if not names or runtime.name in names]
        masters_of = {one.backbone: one.path for one in masters}
        # Before any image is decoded: what is missing is told at once.
        judged = judge.locate(masters_of, built, chosen)
        tell_drawn(data, "the images to compare on come")
        fields = read(data, "test", images)
        beside = read_folder(others) if others is not None else None
        comparison = judge.compare(masters_of, judged, fields, click.echo, beside)
        rows = comparison.rows
        folder = out or (Path("docs") if data is not None else built)
        command = _command(data, masters, names, others, images)
        written = table.write(comparison, fields, folder, command, _machine())
    for path in written:
        click.echo(f"{path} written")
    for row in rows:
        if row.held_back:
            told = "; ".join(row.misses) or "held here"
            click.secho(f"not for serving: {row.backbone}, {row.runtime}: {told}", fg="yellow")
    served = [row for row in rows if not row.held_back]
    missed = [f"{row.backbone}, {row.runtime}: {text}" for row in served for text in row.misses]
    if missed:
        raise click.ClickException("limits missed:\n  " + "\n  ".join(missed))
    click.echo(f"all {len(served)} comparisons of what may be served are within their limits")


def _command(
    data: Path | None,
    masters: list[Master],
    names: tuple[str, ...],
    others: Path | None,
    images: int | None,
) -> str:
    """Return the command as it was called, without the paths of this machine."""
    backbones = [one.backbone for one in masters]
    parts = ["python -m convert parity"]
    parts += (
        ["--all"] if backbones == list(BACKBONES) else [f"--backbone {one}" for one in backbones]
    )
    parts += [f"--data {data.name}"] if data is not None else []
    parts += [f"--only {name}" for name in names]
    parts += [f"--others {others.name}"] if others is not None else []
    parts += [f"--images {images}"] if images is not None else []
    return " ".join(parts)


def _machine() -> str:
    from convert import artifacts

    tools = ("tensorflow-cpu", "tensorflow", "keras", "openvino", "onnxruntime")
    packages = ", ".join(f"{name} {number}" for name, number in artifacts.versions(*tools).items())
    system = f"{_cpu()}, {platform.system()} {platform.machine()}"
    return f"{system}, Python {platform.python_version()}, {packages}"


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "an unnamed processor"
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, "an unnamed processor")
