"""Says what came of one fault, in the same words for all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Found:
    """What came of a fault. ``lost`` are inputs without an answer, or with a wrong one."""

    tried: int = 0
    """Inputs: images, files, requests or tests."""
    lost: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """What was done to it, and how often."""
    memory_mb: tuple[float, float] | None = None
    """All processes of the server together, early and late."""
    curve: list[dict[str, Any]] = field(default_factory=list)
    """The memory of each process again and again, as ``torture_memory`` has it."""
    notes: list[str] = field(default_factory=list)
    skipped: str = ""
    """Why it cannot be tried on this machine."""

    @property
    def ok(self) -> bool:
        """Whether nothing was lost, of something."""
        return bool(self.skipped) or (self.tried > 0 and self.lost == 0)

    def row(self, name: str, seconds: float) -> str:
        """Return the row of a table."""
        memory = "" if self.memory_mb is None else "{:.0f}, {:.0f}".format(*self.memory_mb)
        faults = ", ".join(f"{count:,} {what}" for what, count in self.faults.most_common())
        tried = "not tried" if self.skipped else f"{self.tried:,}"
        words = [faults or self.skipped, tried, f"{self.lost:,}", memory, f"{seconds:.0f} s"]
        return " | ".join(["", name, *words, ""]).strip()


HEAD = "| fault | what was done | inputs | lost | memory, MB, early and late | time |"
LINE = "| --- | --- | ---: | ---: | ---: | ---: |"
