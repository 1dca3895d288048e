"""No option of the results can replace an image of the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.client.kserve import KServe

Run = Callable[..., Any]


@pytest.mark.parametrize(
    "arguments",
    [
        ("a.jpg", "-o", "a.jpg"),
        (".", "-o", "b.jpg"),
        ("b.jpg", "link.jpg", "-o", "a.jpg"),
        ("a.jpg", "-o", "link.jpg"),
        ("a.jpg", "table.csv", "--cells", "table.csv"),
        ("a.jpg", "table.csv", "-o", "rows.csv", "--cases", "table.csv"),
    ],
)
def test_image_of_the_run_is_not_written_over(
    server: KServe, write: Run, allclient: Run, folder: Path, arguments: tuple[str, ...]
) -> None:
    write(a="benign", b="pre")
    (folder / "link.jpg").symlink_to("a.jpg")
    (folder / "table.csv").write_bytes(b"benign")
    done = allclient("classify", *arguments, "--overwrite", "-f", "csv")
    assert done.code == 2
    assert "is an image of this run and would be written over" in done.err
    assert [(folder / name).read_bytes() for name in ("a.jpg", "b.jpg", "table.csv")] == [
        b"benign",
        b"pre",
        b"benign",
    ]


def test_results_that_are_no_image_of_the_run_are_replaced(
    server: KServe, write: Run, allclient: Run, folder: Path
) -> None:
    write(a="benign", b="pre")
    done = allclient("classify", "a.jpg", "-o", "b.jpg", "--overwrite", "-f", "csv")
    assert done.code == 0
    assert (folder / "b.jpg").read_bytes().startswith(b"file,label,")
