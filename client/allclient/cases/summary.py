"""Makes cases of outcomes, one at a time: no field is kept but the few to look at first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from allclient.cases.case import Case, Look
from allclient.cases.interval import FieldCounts, share_of
from allclient.cases.naming import ALL, CaseBy
from allclient.cases.need import LOOK_FIRST, Neediest
from allclient.cases.rule import judge
from allclient.contract import SUBTYPES, Label, Subtype
from allclient.errors import ConfigurationError
from allclient.report.rows import Row, row_of
from allclient.result import Outcome


def summarize(outcomes: Iterable[Outcome], *, name: str = ALL) -> Case:
    """Return all outcomes of ``classify_many`` as one case, which has the name ``name``.

    Leukocytes are counted where ``cells=True`` asked for them.

    >>> case = allclient.summarize(client.classify_many(paths, cells=True))
    >>> print(case.label.value, case.malignant_share, case.look_first)

    Raises:
        ConfigurationError: something else than an Outcome is among them.
    """
    count = _Count()
    for outcome in outcomes:
        if not isinstance(outcome, Outcome):
            raise ConfigurationError(
                "a case is made of Outcomes, as classify_many gives them, "
                f"not {type(outcome).__name__}"
            )
        count.add(row_of(outcome))
    return count.case(name)


class Cases:
    """Cases by name, made of rows as they come, in order of their first field."""

    def __init__(self, by: CaseBy) -> None:
        self._by = by
        self._counts: dict[str, _Count] = {}

    def add(self, row: Row) -> str:
        """Count a row; return the name of its case."""
        name = self._by.case_of(row.file)
        self._counts.setdefault(name, _Count()).add(row)
        return name

    def cases(self) -> list[Case]:
        """Return the cases as they are by now."""
        return [count.case(name) for name, count in self._counts.items()]


class _Count:
    """The rows of one case, counted."""

    def __init__(self) -> None:
        self.failed = self.to_review = 0
        self.subtypes: Counter[str] = Counter()
        self.clear: Counter[str] = Counter()
        self.cells: FieldCounts = Counter()
        self.neediest = Neediest(LOOK_FIRST)

    def add(self, row: Row) -> None:
        if row.subtype is None or row.label is None:
            self.failed += 1
            return
        self.subtypes[row.subtype] += 1
        if row.review:
            self.to_review += 1
        else:
            self.clear[row.label] += 1
        if row.leukocytes is not None and row.malignant_leukocytes is not None:
            self.cells[row.malignant_leukocytes, row.leukocytes] += 1
        self.neediest.add(row)

    def case(self, name: str) -> Case:
        share = share_of(self.cells)
        fields = self.subtypes.total()
        benign = self.subtypes[Subtype.BENIGN.value]
        label, reasons = judge(
            benign=benign,
            malignant=fields - benign,
            benign_clear=self.clear[Label.BENIGN.value],
            malignant_clear=self.clear[Label.MALIGNANT.value],
            failed=self.failed,
            share=share,
        )
        counted = bool(self.cells)
        return Case(
            name=name,
            label=label,
            reasons=reasons,
            fields=fields,
            failed=self.failed,
            to_review=self.to_review,
            subtypes={subtype: self.subtypes[subtype.value] for subtype in SUBTYPES},
            leukocytes=self._cells_in(1) if counted else None,
            malignant_leukocytes=self._cells_in(0) if counted else None,
            malignant_share=share,
            look_first=tuple(_look(row) for row in self.neediest.rows()),
        )

    def _cells_in(self, column: int) -> int:
        return sum(pair[column] * times for pair, times in self.cells.items())


def _look(row: Row) -> Look:
    assert row.label is not None
    assert row.probability is not None
    return Look(row.file, row.label, row.probability, tuple(row.review or ()))
