"""Outcomes as rows, in a table, CSV or JSON Lines, to a stream or a file that can be resumed."""

from allclient.report.formats import FORMATS, SUFFIXES, TABLE_WIDTH, Csv, JsonLines, Table
from allclient.report.output import FileOutput, StreamOutput
from allclient.report.rowfile import RowFile, opening, writing
from allclient.report.rows import Row, row_of

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "TABLE_WIDTH",
    "Csv",
    "FileOutput",
    "JsonLines",
    "Row",
    "RowFile",
    "StreamOutput",
    "Table",
    "opening",
    "row_of",
    "writing",
]
