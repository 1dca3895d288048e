"""Command line of ``python -m convert``: each public module here is the command of its name.

A command is found by its module's name and imported when it is asked for. Heavy imports (Keras,
OpenVINO, ONNX) wait inside the commands until one runs.
"""

from __future__ import annotations

import importlib
import os
import pkgutil

import click

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


class _Commands(click.Group):
    def list_commands(self, _ctx: click.Context) -> list[str]:
        return sorted(
            module.name for module in pkgutil.iter_modules(__path__) if module.name[0] != "_"
        )

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        module = importlib.import_module(f"{__name__}.{cmd_name}")
        command = getattr(module, cmd_name)
        assert isinstance(command, click.Command), f"{module.__name__} has no command {cmd_name}"
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Convert trained masters (.keras) into the formats that Triton serves."""
