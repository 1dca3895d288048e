"""Holds the command line. Commands load when called: ``allclient --help`` imports no gRPC."""

from __future__ import annotations

from allclient.cli.group import cli, main

__all__ = ["cli", "main"]
