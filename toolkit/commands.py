"""Holds what the command lines of training and conversion share: group, options, errors."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import pkgutil
from collections.abc import Iterator, Mapping, MutableSequence
from pathlib import Path
from typing import Any, Final

import click

from allclient.contract import BACKBONES as VOTERS

BACKBONES: Final = tuple(backbone.value for backbone in VOTERS)
"""Names of the three voters, for choices and defaults."""

FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)
"""A folder that is there."""
NEW_FOLDER: Final = click.Path(file_okay=False, path_type=Path)
"""A folder that is there or will be made."""
FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
"""A file that is there."""
NEW_FILE: Final = click.Path(dir_okay=False, path_type=Path)
"""A file that will be written."""


class LazyGroup(click.Group):
    """A group whose commands are the public modules of one package, imported when asked for.

    A module holds the command of its own name. Heavy imports (Keras, OpenVINO, ONNX) wait inside
    the commands until one runs.
    """

    def __init__(
        self,
        *arguments: Any,
        package: str,
        folders: MutableSequence[str],
        renamed: Mapping[str, str],
        **options: Any,
    ) -> None:
        """Take the package of the commands; ``renamed`` maps old command names to new ones."""
        super().__init__(*arguments, **options)
        self._package, self._folders, self._renamed = package, folders, renamed

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of the commands, in alphabetical order."""
        names = (module.name for module in pkgutil.iter_modules(self._folders))
        return sorted(name for name in names if not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a name or old name, or None if there is none."""
        name = self._renamed.get(cmd_name, cmd_name)
        if name not in self.list_commands(ctx):
            return None
        if name != cmd_name:
            click.echo(
                f"note: {cmd_name} is now called {name}; the old name works until the next release",
                err=True,
            )
        command = getattr(importlib.import_module(f"{self._package}.{name}"), name)
        assert isinstance(command, click.Command), f"{self._package}.{name} has no command {name}"
        return command


def group(
    package: str,
    folders: MutableSequence[str],
    summary: str,
    renamed: Mapping[str, str] | None = None,
) -> click.Group:
    """Return the command line whose commands are the modules of ``package``, in ``folders``.

    Args:
        summary: one sentence on what the commands do.
        renamed: new names of commands by old ones.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    return LazyGroup(
        package=package,
        folders=folders,
        renamed=renamed or {},
        help=summary,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


@contextlib.contextmanager
def clear_errors(*also: type[Exception]) -> Iterator[None]:
    """Turn a wrong folder, file or option into one sentence without a traceback.

    A package that is not installed is named with the extra that brings it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"{error.name} is not installed; training and conversion need the extra: "
            "pip install 'allclient[convert]'"
        ) from error
    except Exception as error:
        if not isinstance(error, (OSError, ValueError, *also)):
            raise
        text = str(error)
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            text = f"the disk is full: {text}; free some space and give the same command again"
        raise click.ClickException(text) from error
