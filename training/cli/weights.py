"""Defines the command ``python -m training weights``."""

from __future__ import annotations

import hashlib
import json
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import click

from toolkit.commands import NEW_FILE, clear_errors

SUFFIX = ".weights.h5"
WAY_OUT = "Get one with: npm pack nsfwjs@4.3.0, or: npm pack @vladmandic/face-api@1.7.15"


@dataclass(frozen=True)
class Source:
    """A package that is known to hold weights of a voter."""

    backbone: str
    version: str
    """The one whose arrays were looked at."""
    manifest: str
    """Path inside the package; the shards lie beside it."""
    black: float
    """What a black pixel was in its training; a white one was 1."""
    note: str


SOURCES = {
    "nsfwjs": Source(
        "inception_v3",
        "4.3.0",
        "dist/models/inception_v3/model.min.js",
        0.0,
        "By its training code, kernels and offsets before conv2d_56 are Keras's for ImageNet; "
        "batch statistics, and all that lies deeper, come from sorting pictures by fitness for "
        "work.",
    ),
    "@vladmandic/face-api": Source(
        "mobilenet",
        "1.7.15",
        "model/ssd_mobilenetv1_model-weights_manifest.json",
        -1.0,
        "From finding faces (WIDER FACE), by github.com/yeephycho/tensorflow-face-detection, "
        "which is under Apache-2.0. Batch norms of the pointwise convolutions are folded into "
        "kernel and offset.",
    ),
}
QUANTISATION = (
    "Stored in eight bits, each tensor with a scale of its own; every value is uncertain by half "
    "a step of its tensor."
)


@click.command()
@click.argument("package", type=click.Path(path_type=Path), metavar="PACKAGE.tgz")
@click.option(
    "--out",
    type=NEW_FILE,
    required=True,
    help="The .weights.h5 file to write; a record lies beside it, .json.",
)
@click.option(
    "--adapt-pixels",
    is_flag=True,
    help="Rewrite the first convolution of a backbone that was trained on pixels of 0 to 1. Then "
    "it answers alike to the -1 to 1 that it is given here (nsfwjs).",
)
def weights(package: Path, out: Path, adapt_pixels: bool) -> None:
    """Make starting weights out of an npm package, where Keras's cannot be downloaded.

    \b
    Packages:
      npm pack nsfwjs@4.3.0                   inception_v3
      npm pack @vladmandic/face-api@1.7.15    mobilenet

    They were trained on photographs for other ends and are a start for the early layers alone:
    edges, blobs, textures. What they are stands in training/models/foreign.py.

    \b
    Example:
      python -m training weights nsfwjs-4.3.0.tgz --out inception_v3.weights.h5
      python -m training fit --backbone inception_v3 --weights inception_v3.weights.h5 ...
    """
    if not out.name.endswith(SUFFIX):
        raise click.BadParameter(f"the name must end with {SUFFIX}", param_hint="--out")
    with clear_errors():
        about, files = opened(package)
        source = SOURCES[about["name"]]

        from allclient.contract import Backbone
        from training import record
        from training.models import foreign, tfjs

        model, lifted = foreign.convert(
            Backbone(source.backbone), tfjs.load(source.manifest, files)
        )
        adapted = adapt_pixels and source.black == 0
        if adapted:
            foreign.take_signed_pixels(model)
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = out.with_name(out.name.removesuffix(SUFFIX) + ".part" + SUFFIX)
        model.save_weights(temporary)
        temporary.replace(out)
        content = record.stamped(
            package=about["name"],
            version=about["version"],
            license=about["license"],
            sha256=hashlib.sha256(package.read_bytes()).hexdigest(),
            architecture=source.backbone,
            origin=source.note,
            quantisation=QUANTISATION,
            variances_lifted={"count": lifted, "to": foreign.VARIANCE_FLOOR},
            pixels={
                "trained": [source.black, 1.0],
                "expected": [-1.0 if adapted else source.black, 1.0],
            },
        )
        record.write(out.with_name(out.name.removesuffix(SUFFIX) + ".json"), content)
    click.echo(f"{out} written: {source.backbone} from {about['name']} {about['version']}")
    if about["version"] != source.version:
        click.echo(f"note: version {source.version} was looked at; this is another", err=True)
    if source.black == 0 and not adapted:
        click.echo(
            "note: these weights expect pixels of 0 to 1, and our models give them -1 to 1; "
            "--adapt-pixels rewrites the first convolution for that",
            err=True,
        )


def opened(package: Path) -> tuple[dict[str, str], dict[str, bytes]]:
    """Return name, version and license of an npm package, and its other files by path.

    Raises:
        ValueError: no such file, no npm package, one that is cut off, or one that is not known.
    """
    if not package.is_file():
        raise ValueError(f"{package}: no such file. {WAY_OUT}")
    try:
        with tarfile.open(package, "r:gz") as archive:
            members = {
                member.name.partition("/")[2]: member
                for member in archive.getmembers()
                if member.isfile()
            }
            about = _about(package, _read(archive, members.get("package.json")))
            folder = SOURCES[about["name"]].manifest.rpartition("/")[0] + "/"
            files = {
                path: _read(archive, member)
                for path, member in members.items()
                if path.startswith(folder) and "/" not in path.removeprefix(folder)
            }
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        raise ValueError(f"{package} is no npm package, or cut off: {error}. {WAY_OUT}") from error
    return about, files


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo | None) -> bytes:
    stream = archive.extractfile(member) if member else None
    return stream.read() if stream else b""


def _about(package: Path, content: bytes) -> dict[str, str]:
    try:
        raw = json.loads(content)
        about = {key: str(raw.get(key, "unknown")) for key in ("name", "version", "license")}
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{package} has no package.json that can be read. {WAY_OUT}") from error
    if about["name"] not in SOURCES:
        raise ValueError(
            f"{package} is {about['name']}; weights are known in {' and '.join(SOURCES)}. {WAY_OUT}"
        )
    return about
