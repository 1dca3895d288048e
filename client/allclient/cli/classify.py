"""Defines ``allclient classify``: the options and their help. ``run.py`` does the work."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from allclient.cli import codes
from allclient.cli.grouped import GroupedCommand
from allclient.cli.options import AnyPath, connection_options, embedded_options, server_option
from allclient.cli.watched import watch_options, watching
from allclient.contract import CASCADE, ENSEMBLE

_FORMATS: Final = ["table", "csv", "jsonl"]

_GROUPS: Final = {
    "Which images": ("recursive", "null", "um_per_pixel"),
    "Results": ("form", "output", "resume", "overwrite", "unordered"),
    "Cells, cases and pictures": ("cells", "annotate", "case_by", "cases", "report"),
    "Many machines": ("engine", "address", "workers", "part_size", "no_cells"),
    "Server": (
        "server",
        "model",
        "in_flight",
        "timeout",
        "retry_for",
        "model_repository",
        "flavour",
        "tls",
        "tls_ca",
        "tls_cert",
        "tls_key",
        "token_file",
    ),
    "Watch the run": ("trace_to", "metrics_port", "metrics_host"),
}


def _path(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Path | None:
    return None if value is None else Path(value)


def _is_given(name: str) -> bool:
    """Return whether an option was given, and is not its default."""
    return click.get_current_context().get_parameter_source(name) is not ParameterSource.DEFAULT


@click.command(
    cls=GroupedCommand,
    groups=_GROUPS,
    short_help="Classify images.",
    epilog=f"""\b
Examples:
  allclient classify field.jpg
  allclient classify slides/ --recursive
  allclient classify "slides/**/*.png" --format jsonl | jq -r .label
  allclient classify slides/ --output results.csv
  allclient classify slides/ --output results.csv --resume
  find / -name "*.tif" -print0 | allclient classify - --null --format csv
  allclient classify slides/ -r --report report.html
  allclient classify scans/ --case-by "{{case}}_*" --cases cases.csv
  allclient classify slides/ --model all_cascade
  allclient classify slides/ --server triton.example:8001 --tls-ca ca.pem
  allclient classify slides/ --server triton-1:8001,triton-2:8001
  allclient classify s3://bucket/slides/ -r --engine ray -o s3://bucket/answers

\b
PATH is one or more of:
  a file     tried whatever its ending
  a folder   its image files by ending (jpg, png, bmp, tif, webp, dcm, ...),
             in order of name; hidden ones are left out; what is left out is
             counted and said
  a DICOMDIR the images that it lists (DICOM needs the extra pacs)
  a slide    of a DICOM whole slide one level is read, in fields that are
             named slide.dcm#xywh=LEFT,TOP,WIDTH,HEIGHT
  a pattern  in quotes, with * ? [] and ** for folders at any depth
  -          a list of paths on standard input
A path named twice is classified once.

{codes.HELP}

Every answer needs a reading by a pathologist; this is not a medical device.
""",
)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=AnyPath())
@click.option(
    "-r", "--recursive", is_flag=True, help="Search folders in folders too; links once only."
)
@click.option(
    "-0", "--null", is_flag=True, help="Paths of the list on standard input end in a zero byte."
)
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    help="Format of the results. Default: by the ending of --output (.csv, .jsonl), else table.",
)
@click.option(
    "-o",
    "--output",
    type=AnyPath(),
    metavar="FILE",
    help="Write to FILE, whole or not at all; a run that stops early leaves FILE.partial. With "
    "--engine ray: to a folder, here or at a URL.",
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on with --output: skip what it holds, try again what failed. Names are compared as "
    "given, so use the same paths.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option(
    "--um-per-pixel",
    type=click.FloatRange(min=0.001, max=1000),
    metavar="NUMBER",
    help="The size of a pixel in micrometres, of every image, instead of what the files say.",
)
@click.option(
    "--cells",
    type=AnyPath(),
    metavar="FILE|DIR",
    help="Write every leukocyte: FILE.csv or FILE.jsonl; in a folder, GeoJSON for QuPath, a file "
    "for each field.",
)
@click.option(
    "--annotate",
    type=AnyPath(),
    callback=_path,
    metavar="DIR",
    help="Draw each field with its cells and heat map into a folder.",
)
@click.option(
    "--case-by",
    metavar="folder|all|PATTERN",
    help="Count fields by case: by their folder, all as one case, or by a pattern of the end of "
    "the path that has {case} in it. Default with --cases and --report: folder.",
)
@click.option(
    "--cases",
    type=AnyPath(),
    callback=_path,
    metavar="FILE",
    help="Write the cases: FILE.csv or FILE.jsonl.",
)
@click.option(
    "--report",
    type=AnyPath(),
    callback=_path,
    metavar="FILE",
    help="Write a page of the run: cases, fields with cells and heat map, cells by class. "
    "FILE.html has everything in it.",
)
@server_option
@click.option(
    "--model",
    type=click.Choice([ENSEMBLE, CASCADE]),
    default=ENSEMBLE,
    show_default=True,
    help="all_cascade: the same benign or malignant for less work; the third backbone votes only "
    "where the first two disagree, else its vote is given as not_run.",
)
@click.option(
    "--in-flight",
    type=click.IntRange(1, 1024),
    default=32,
    show_default=True,
    metavar="N",
    help="Images at the server at once.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="The longest wait for the answer to one image.",
)
@click.option(
    "--retry-for",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long --server may be away once it has answered, as when it is started again, before "
    "the run ends; its images are sent again. One started here is waited for until it is given up. "
    "0: the run ends at once.",
)
@click.option(
    "--engine",
    type=click.Choice(["ray"]),
    help="Classify on a Ray cluster into a folder of Parquet (docs/howto/bulk.md). A PATH may then "
    "be a URL (s3://...) too, or a Parquet file with a column of paths. Needs the extra bulk.",
)
@click.option(
    "--address",
    metavar="HOST:PORT",
    help="The Ray cluster. Without it Ray is started here, for this machine alone.",
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Clients on the cluster, each with --in-flight images. Default: one a machine.",
)
@click.option(
    "--part-size",
    type=click.IntRange(1, 100_000),
    default=512,
    show_default=True,
    metavar="N",
    help="Files in a part, which is one task and one Parquet file.",
)
@click.option(
    "--no-cells",
    is_flag=True,
    help="With --engine ray: ask for no cells, which takes a fifth less time at the servers; "
    "cases then have no share of malignant cells.",
)
@click.option("--unordered", is_flag=True, help="Results as they come, not in order of the paths.")
@embedded_options
@connection_options
@watch_options
def classify(
    trace_to: str | None, metrics_port: int | None, metrics_host: str, **options: Any
) -> int:
    """Classify images: benign or malignant, maturation stage, and whether to review.

    Results go to standard output, everything else to standard error.
    """
    with watching("allclient-classify", trace_to, metrics_port, metrics_host):
        if options["engine"] == "ray":
            from allclient.cli import bulk

            return bulk.run(options)
        from allclient.cli.run import Options, run

        for name in ("engine", "address", "workers", "part_size"):
            if options.pop(name) is not None and _is_given(name):
                raise click.UsageError(f"--{name.replace('_', '-')} is for --engine ray")
        if options.pop("no_cells"):
            raise click.UsageError(
                "--no-cells is for --engine ray; here cells are asked for only where --cells, "
                "--annotate, --case-by, --cases or --report needs them"
            )
        output = None if options["output"] is None else Path(options["output"])
        return run(Options(**options | {"output": output, "trace_to": trace_to}))
