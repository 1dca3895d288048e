"""Lists the steps of a release: the command of each, what it reads and what it writes."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from allclient.contract import BACKBONES
from toolkit import served
from training.data import layouts, listing
from training.release.options import Options

Command = tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One command, which runs again when what it reads has changed."""

    name: str
    """A phase; for a phase with a step for each backbone ``<phase>-<backbone>``."""
    does: str
    """For the screen."""
    command: Command
    """What follows ``python -m``."""
    reads: tuple[Path, ...]
    """Files and folders; their content decides, with the command, whether the step is done."""
    writes: tuple[Path, ...]
    """Removed before the step runs, so that nothing old is left."""

    @property
    def phase(self) -> str:
        """The phase of the step, one of PHASES."""
        return self.name.partition("-")[0]


def steps(o: Options) -> Iterator[Step]:
    """Yield every step in its order. A step is made when those before it have run."""
    root, split = o.images, o.images / listing.FILE
    masters, converted, models = o.out / "masters", o.out / "converted", o.out / "models"
    predictions, policy, report = o.out / "predictions", o.out / "policy.json", o.out / "report"
    card = masters / "MODEL_CARD.md"
    preprocess = served.MODEL_REPOSITORY / "preprocess" / "1"
    kept = {
        backbone.value: (masters / f"{backbone.value}.keras", masters / f"{backbone.value}.json")
        for backbone in BACKBONES
    }
    trained = tuple(path for paths in kept.values() for path in paths)
    own = tuple(path for path in (o.data / listing.FILE, o.patients) if path)

    def asked(text: str, *arguments: object, **options: object) -> Command:
        return command(text, *arguments, data=root, **options)

    yield Step(
        "split",
        "read the images and divide them into train, val and test",
        command(
            "training split",
            data=o.data,
            out=root,
            patients=o.patients,
            level=o.level,
            seed=o.seed,
            min_images=o.min_images,
        ),
        (*layouts.images(o.data), *own, preprocess),
        (root,),
    )
    for name, files in kept.items():
        start = o.start_of(name)
        recipe = {"weights": start, "seed": o.seed, "views": o.views}
        yield Step(
            f"fit-{name}",
            f"fit the head of {name} on layers that stay as they are",
            asked("training fit", backbone=name, out=masters, **recipe),
            (split, start, preprocess),
            files,
        )
    for name, files in kept.items():
        folder = converted / name / "openvino_int8"
        yield Step(
            f"convert-{name}",
            f"convert {name} to OpenVINO, in INT8 where that answers as Keras does",
            asked("convert openvino", files[0], out=folder),
            (split, *files, preprocess),
            (folder,),
        )
    yield Step(
        "calibrate",
        "fit probabilities and the limits of review on the part val",
        asked("training calibrate", artifacts=converted, out=policy),
        (split, converted, preprocess),
        (policy,),
    )
    yield Step(
        "evaluate",
        "answer the parts val and test",
        asked("training evaluate", keras=masters, policy=policy, save=predictions),
        (split, *trained, policy, preprocess),
        (predictions,),
    )
    parts = {"artifacts": converted, "masters": masters, "policy": policy}
    yield Step(
        "repository",
        "write the model repository",
        command("convert repository", flavour="default", out=models, check=True, **parts),
        (*trained, converted, policy, served.MODEL_REPOSITORY),
        (models,),
    )
    served_by = {"model_repository": models, "output": o.answers}
    yield Step(
        "serve",
        "load it in the embedded server and classify test images",
        command("allclient classify", *proof_images(split, o.proof), **served_by),
        (split, models),
        (o.answers,),
    )
    written = {"policy": policy, "out": report, "card": card}
    yield Step(
        "report",
        "write the report and the model card",
        command("training report", predictions=predictions, own_images=True, **written),
        (predictions, policy, *trained),
        (report, card),
    )


def command(text: str, *arguments: object, **options: object) -> Command:
    """Return the words of a command line.

    An option that is None is left out; one that is True is a flag.
    """
    words = [*text.split(), *map(str, arguments)]
    for name, value in options.items():
        if value is not None:
            flag = f"--{name.replace('_', '-')}"
            words += [flag] if value is True else [flag, str(value)]
    return tuple(words)


def proof_images(split: Path, count: int) -> list[Path]:
    """Return ``count`` test images, evenly over the listing and so over the classes."""
    with split.open(newline="", encoding="utf-8") as lines:
        rows = [row["path"] for row in csv.DictReader(lines) if row["split"] == "test"]
    taken = min(count, len(rows))
    return [split.parent / rows[at * len(rows) // taken] for at in range(taken)]
