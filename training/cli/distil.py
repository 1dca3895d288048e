"""Defines the command ``python -m training distil``."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.commands import BACKBONES, NEW_FILE, clear_errors
from training.cli._options import data_option


@click.command()
@click.option(
    "--backbone",
    type=click.Choice(BACKBONES),
    default="xception",
    show_default=True,
    help="The backbone to teach.",
)
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    required=True,
    metavar="BACKBONE=FILE",
    help="A voter and its .weights.h5 file; its recipe names what teaches. Repeat for several.",
)
@data_option
@click.option(
    "--out",
    type=NEW_FILE,
    required=True,
    help="The .weights.h5 file to write.",
)
@click.option("--epochs", default=12, show_default=True)
@click.option("--seed", default=0, show_default=True)
def distil(
    backbone: str, teachers: tuple[str, ...], root: Path, out: Path, epochs: int, seed: int
) -> None:
    """Teach a backbone's early layers what those of others see; no label is used.

    For a backbone whose trained weights cannot be had. Part "train" of DATA is shown. The same
    command again goes on where it was stopped.

    \b
    Example:
      python -m training distil --data all-smears --out xception.weights.h5 \\
          --teacher mobilenet=mobilenet.weights.h5 --teacher inception_v3=inception_v3.weights.h5
    """
    from training import record
    from training.data import protocols
    from training.data import samples as dataset
    from training.fit import images
    from training.fit.release import distil as distillation
    from training.fit.release.recipe import RECIPES
    from training.fit.run import described

    if not out.name.endswith(".weights.h5"):
        raise click.BadParameter("the name must end with .weights.h5", param_hint="--out")
    with clear_errors():
        named = []
        for text in teachers:
            name, _, file = text.partition("=")
            if name not in BACKBONES:
                raise click.BadParameter(
                    f"{text!r}: the backbones are {', '.join(BACKBONES)}", param_hint="--teacher"
                )
            if not Path(file).is_file():
                raise click.BadParameter(f"{text!r}: no such file", param_hint="--teacher")
            named.append(distillation.Teacher(name, file, RECIPES[name].taps))
        train = protocols.folds(root, "known")[0].parts["train"]
        out.parent.mkdir(parents=True, exist_ok=True)
        scratch = out.with_name(out.name.removesuffix(".weights.h5") + ".distil.npz")
        config = distillation.DistilConfig(epochs=epochs, seed=seed)
        tap = RECIPES[backbone].taps[-1]
        features, history = distillation.teach(
            backbone,
            tap,
            named,
            images.rendered(train),
            scratch,
            config,
            report=lambda row: click.echo(f"epoch {row['epoch']}  loss {row['loss']:.4f}"),
        )
        features.save_weights(out)
        content = record.stamped(
            backbone=backbone,
            tap=tap,
            taught_by=[{**described(Path(each.weights)), "taps": each.taps} for each in named],
            data={"images": len(train), "sha256": dataset.digest(train, root)},
            epochs=epochs,
            seed=seed,
            history=history,
        )
        record.write(out.with_name(out.name.removesuffix(".weights.h5") + ".json"), content)
        scratch.unlink(missing_ok=True)
    click.echo(f"{out} written")
