"""Defines the exit codes: the help of every command says the same."""

from __future__ import annotations

from typing import Final

CLASSIFIED: Final = 0
SOME_FAILED: Final = 1
USAGE: Final = 2
NO_SERVER: Final = 3
NO_OUTPUT: Final = 4
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141
TERMINATED: Final = 143

OTHERS: Final = "Other exit codes are those of allclient --help."
"""For the help of commands that tell only codes of their own, or none."""

HELP: Final = """\b
Exit codes:
  0    everything asked for was done; every image was classified
  1    some files failed, each named on standard error and in the output
  2    the command cannot be done as written, or no image was found
  3    no server answers, it does not serve the model, or the embedded
       server cannot start or dies again and again
  4    the results cannot be written (a full disk, a closed stream, no right
       to); what was finished is in FILE.partial, and --resume goes on there
  130  stopped by Ctrl-C (143: by SIGTERM); what was finished is kept
  141  the reader of the output went away, as in "| head"
"""
