"""Writes outcomes as rows: a table, CSV or JSON Lines, to a stream or to a file."""

from allclient.report.cellrows import CELL_COLUMNS, cell_csv, cell_json
from allclient.report.entry import Entry, entry_of
from allclient.report.formats import FORMATS, SUFFIXES, TABLE_WIDTH, Csv, JsonLines, Table
from allclient.report.journal import Journal
from allclient.report.output import FileOutput, StreamOutput
from allclient.report.rowfile import RowFile, opening, writing
from allclient.report.rows import Row, row_of
from allclient.report.whole import check_target, whole_file

__all__ = [
    "CELL_COLUMNS",
    "FORMATS",
    "SUFFIXES",
    "TABLE_WIDTH",
    "Csv",
    "Entry",
    "FileOutput",
    "Journal",
    "JsonLines",
    "Row",
    "RowFile",
    "StreamOutput",
    "Table",
    "cell_csv",
    "cell_json",
    "check_target",
    "entry_of",
    "opening",
    "row_of",
    "whole_file",
    "writing",
]
