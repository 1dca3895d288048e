"""Defines a goal, and the rule that decides whether it is met.

The verdict goes by the measured value, and says so when the 95% interval reaches across the goal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from training.report import numbers
from training.report.reading import Figures, Measured

MET, NOT_MET, UNKNOWN = "met", "not met", numbers.MISSING


@dataclass(frozen=True)
class Goal:
    """One goal of the project: a figure, where it is read, and the bound it has to reach."""

    where: str
    figure: str
    read: Callable[[Figures], Measured]
    bound: float
    at_least: bool = True
    strict: bool = False
    """Whether the bound itself is not enough."""
    before: str = ""
    """What was reached before,"""
    before_by: str = ""
    """and by what."""
    form: Callable[[Measured], str] = Measured.as_share
    key: tuple[str, str] | None = None
    """Way and score, where the figure is a score of the vote."""
    size: Callable[[Figures], float | None] = lambda figures: None
    """Independent units behind a share: groups where they are known, else images."""
    beside: Callable[[Figures], str] = lambda figures: ""
    """What has to be said with the figure, for example at which coverage it holds."""

    @property
    def goal(self) -> str:
        """The bound in words, such as ``at least 95.0%``."""
        if self.strict:
            return f"{'more' if self.at_least else 'less'} than {self.bound:g}"
        sign = "at least" if self.at_least else "at most"
        return f"{sign} {self.form(Measured(self.bound))}"


@dataclass(frozen=True)
class Outcome:
    """A goal with what was measured."""

    goal: Goal
    found: Measured
    size: float | None
    beside: str

    @property
    def verdict(self) -> str:
        """Whether the goal is met, or that it was not measured."""
        if not self.found.known:
            return UNKNOWN
        return MET if self._holds(self.found.number) else NOT_MET

    @property
    def certain(self) -> bool:
        """Whether the whole interval lies on the verdict's side of the goal."""
        if self.found.interval is None:
            return False
        return len({self._holds(each) for each in (*self.found.interval, self.found.number)}) == 1

    @property
    def remark(self) -> str:
        """What the interval adds to the verdict."""
        if not self.found.known or self.certain:
            return ""
        if self.found.interval is not None:
            return "the interval reaches across the goal"
        if self.found.value in (0.0, 1.0) and self.size:
            return f"no interval; {numbers.none_failed(self.size)}"
        return "no interval"

    def _holds(self, value: float) -> bool:
        if value == self.goal.bound:
            return not self.goal.strict
        return (value > self.goal.bound) == self.goal.at_least
