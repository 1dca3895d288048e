"""Sphinx: `make docs` builds the site into build/docs, offline and with warnings as errors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "client")]  # training and convert are run from the checkout

project = "allclient"
author = "the allclient authors"
copyright = "the allclient authors, Apache-2.0"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
]
exclude_patterns = ["evaluation/predictions"]
html_theme = "furo"
html_title = "allclient"
html_theme_options = {
    "announcement": "Not a medical device: every answer needs a reading by a pathologist.",
    # The theme's own buttons point at a repository host; this site knows none.
    "top_of_page_buttons": [],
}
myst_enable_extensions = ["deflist", "attrs_inline"]
myst_heading_anchors = 3
# Pages link to folders and files of the checkout, which are no pages of the site.
suppress_warnings = ["myst.xref_missing"]
autodoc_typehints = "description"
autodoc_member_order = "bysource"
copybutton_exclude = ".linenos, .gp"
nitpicky = False


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("sphinx-click-process-epilog", escape_stars)


def escape_stars(_app: Any, _context: Any, lines: list[str]) -> None:
    """Keep the stars of file patterns, which Sphinx would read as markup."""
    lines[:] = [line.replace("*", r"\*") for line in lines]
