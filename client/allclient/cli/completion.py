"""Defines ``allclient completion``: click's own shell completion, printed."""

from __future__ import annotations

import click


@click.command(
    short_help="Print the completion script of a shell.",
    epilog="""\b
Examples:
  allclient completion bash > ~/.local/share/bash-completion/completions/allclient
  allclient completion zsh  > ~/.zfunc/_allclient
  allclient completion fish > ~/.config/fish/completions/allclient.fish
""",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that makes SHELL (bash, zsh or fish) complete allclient's commands."""
    from click.shell_completion import get_completion_class

    from allclient.cli.group import cli

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(cli, {}, "allclient", "_ALLCLIENT_COMPLETE").source())
