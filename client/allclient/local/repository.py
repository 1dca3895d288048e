"""Finds the model repository, and looks at it before a server is started for nothing."""

from __future__ import annotations

import os
from pathlib import Path

from allclient import release
from allclient.contract import CASCADE, ENSEMBLE
from allclient.errors import ConfigurationError

VARIABLE = "ALLCLIENT_MODEL_REPOSITORY"


def find(named: str | Path | None) -> Path:
    """Return the folder given, else that of the environment variable, else the one that came along.

    A wheel carries the models inside the package; a checkout has them at its top.

    Raises ConfigurationError when there is none, or when it is not a repository of allclient.
    """
    if named is not None:
        return _checked(Path(named))
    variable = os.environ.get(VARIABLE)
    if variable:
        return _checked(Path(variable), f" ({VARIABLE})")
    package = Path(__file__).resolve().parents[1]
    for folder, source in (
        (package / "model_repository", "the installed package"),
        (package.parents[1] / "model_repository", "the checkout"),
    ):
        if folder.is_dir():
            return _checked(folder, f" ({source})")
    raise ConfigurationError(
        "no model repository found: give the model_repository folder of the project with "
        f"--model-repository or in {VARIABLE}"
    )


def check_flavour(repository: Path, flavour: str | None) -> str | None:
    """Return the name for Triton's --model-config-name; None for the default ones.

    Triton silently serves config.pbtxt where a model has no configs/NAME.pbtxt, so a name that no
    model knows would go unnoticed: that raises ConfigurationError here.
    """
    if flavour is None or flavour == "default":
        return None
    known = sorted({path.stem for path in repository.glob("*/configs/*.pbtxt")})
    if flavour not in known:
        raise ConfigurationError(
            f"unknown flavour {flavour!r}: {repository} has {', '.join(['default', *known])}"
        )
    return flavour


def answering(repository: Path, model: str | None) -> list[str]:
    """Return the models that clients may ask: the one given, else those of the two there are.

    A repository need not have the cascade. Raises ConfigurationError for a model that it has not.
    """
    present = [
        name for name in (ENSEMBLE, CASCADE) if (repository / name / "config.pbtxt").is_file()
    ]
    if model is None:
        return present
    if model not in present:
        raise ConfigurationError(
            f"{repository} has no model {model!r} to ask; it has {', '.join(present)}"
        )
    return [model]


def name(repository: Path) -> str:
    """Return the name of the release in a repository; see ``release.digest``.

    Raises:
        ConfigurationError: a file of it cannot be read.
    """
    try:
        return release.digest(repository)
    except OSError as error:
        raise ConfigurationError(
            f"the model repository {repository} cannot be read: {error}"
        ) from error


def _checked(folder: Path, source: str = "") -> Path:
    if not folder.is_dir():
        raise ConfigurationError(f"the model repository {folder}{source} is not a folder")
    folder = folder.resolve()
    if not (folder / ENSEMBLE / "config.pbtxt").is_file():
        raise ConfigurationError(
            f"{folder}{source} is not a model repository of allclient: it has no "
            f"{ENSEMBLE}/config.pbtxt"
        )
    return folder
