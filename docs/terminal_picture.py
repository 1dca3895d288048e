"""Writes a picture of what a command of allclient shows in a terminal.

python docs/terminal_picture.py docs/images/classify.svg allclient classify samples/out
"""

from __future__ import annotations

import io
import os
import pty
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH, PICTURE = 104, 132
"""Columns of the terminal, and of the picture: long names may stand out."""

ERASE = "\x1b[2K"
"""Comes before each line that takes the place of the progress bar."""


def shown_by(command: list[str]) -> str:
    """What the command writes to a terminal of WIDTH columns."""
    os.environ["COLUMNS"] = str(WIDTH)
    written = bytearray()

    def keep(descriptor: int) -> bytes:
        data = os.read(descriptor, 4096)
        written.extend(data)
        return data

    pty.spawn(command, keep)
    return written.decode(errors="replace")


def main() -> None:
    target, *command = sys.argv[1:]
    lines = [line.rpartition(ERASE)[2].strip("\r") for line in shown_by(command).split("\n")]
    text = Text.from_ansi("\n".join(line for line in lines if "classifying" not in line).strip())
    console = Console(record=True, width=PICTURE, file=io.StringIO(), force_terminal=True)
    console.print(f"$ {' '.join(command)}", style="bold", highlight=False)
    console.print(text)
    # The reader's own fonts: a picture loads nothing from elsewhere.
    picture = re.sub(
        r"@font-face \{.*?\}\s*", "", console.export_svg(title="allclient"), flags=re.S
    )
    Path(target).write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
