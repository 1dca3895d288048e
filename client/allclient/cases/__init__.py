"""Puts many fields of one specimen together as a case: counts, a label, what to see first."""

from allclient.cases.case import Case, Look
from allclient.cases.formats import CASE_COLUMNS, case_csv, case_json, case_table
from allclient.cases.interval import Share
from allclient.cases.naming import NO_CASE, CaseBy
from allclient.cases.rule import CASE_REASONS, CaseLabel, CaseReason
from allclient.cases.summary import Cases, summarize

__all__ = [
    "CASE_COLUMNS",
    "CASE_REASONS",
    "NO_CASE",
    "Case",
    "CaseBy",
    "CaseLabel",
    "CaseReason",
    "Cases",
    "Look",
    "Share",
    "case_csv",
    "case_json",
    "case_table",
    "summarize",
]
