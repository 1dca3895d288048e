"""Defines ``allclient`` itself: its commands, what all of them share, and how errors end it."""

from __future__ import annotations

import importlib
import io
import logging
import os
import sys
from typing import Any, Final

import click

from allclient.cli import codes, streams
from allclient.errors import (
    AllclientError,
    ConfigurationError,
    LocalServerError,
    OutputError,
    ServerError,
)

COMMANDS: Final = {
    "bench": "allclient.cli.bench:bench",
    "classify": "allclient.cli.classify:classify",
    "completion": "allclient.cli.completion:completion",
    "health": "allclient.cli.health:health",
    "models": "allclient.cli.models:models",
    "pacs": "allclient.cli.pacs:pacs",
    "serve": "allclient.cli.serve:serve",
    "store": "allclient.cli.store:store",
    "web": "allclient.cli.web:web",
}

_OTHERS: Final = ("grpc", "asyncio", "tritonclient", "pydicom", "pynetdicom", "highdicom", "fpdf")
"""Libraries that log whole requests or headers when asked to say more."""

_COMPLETION: Final = "_ALLCLIENT_COMPLETE"

EPILOG: Final = f"""\b
Examples:
  allclient classify field.jpg
  allclient classify slides/ --recursive --format csv --output results.csv
  allclient health --server triton.example:8001

{codes.HELP}

Every answer needs a reading by a pathologist; this is not a medical device.
"""


class LazyGroup(click.Group):
    """A group that imports the module of a command when that command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in alphabetical order."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a name, or None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(module), name)
        assert isinstance(command, click.Command)
        return command


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from allclient import __version__

        click.echo(f"allclient {__version__}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
@click.option("-v", "--verbose", is_flag=True, help="Say more on standard error while working.")
def cli(verbose: bool) -> None:
    """Read bone marrow and blood smear images for acute lymphoblastic leukemia.

    Three CNNs vote on each image; a Triton server runs them.
    """
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.WARNING,
        format="%(name)s: %(message)s",
        stream=sys.stderr,
    )
    # Other libraries log whole requests at this level, and requests hold patients' images.
    for name in _OTHERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit the process with one of ``codes``."""
    streams.open_closed()
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # its own lines say less than our errors
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be no text
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    with streams.guarded():
        try:
            code = _invoke(sys.argv[1:] if arguments is None else arguments)
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except click.exceptions.Exit as stop:
            return stop.exit_code
        except (click.Abort, KeyboardInterrupt):
            click.echo("stopped", err=True)
            return codes.INTERRUPTED
        except BrokenPipeError:
            return codes.BROKEN_PIPE
        except AllclientError as error:
            click.echo(f"allclient: {error}", err=True)
            return exit_code(error)
        except (OSError, MemoryError) as error:
            logging.getLogger(__name__).debug("", exc_info=True)
            click.echo(f"allclient: this machine refuses: {error or 'no memory'}", err=True)
            return codes.USAGE
        return code if isinstance(code, int) else codes.CLASSIFIED


def _invoke(arguments: list[str]) -> Any:
    """Invoke the command; unlike ``cli.main``, a broken pipe gets no exit code of its own."""
    if instruction := os.environ.get(_COMPLETION):
        from click.shell_completion import shell_complete

        return shell_complete(cli, {}, "allclient", _COMPLETION, instruction)
    with cli.make_context("allclient", list(arguments)) as context:
        return cli.invoke(context)


def exit_code(error: AllclientError) -> int:
    """Return the exit code for an error that ended a command."""
    if isinstance(error, OutputError):
        return codes.NO_OUTPUT
    if isinstance(error, ConfigurationError):
        return codes.USAGE
    if isinstance(error, (ServerError, LocalServerError)):
        return codes.NO_SERVER
    return codes.SOME_FAILED
