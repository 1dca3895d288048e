"""The report of a signed case: one HTML file with everything in it, and its PDF."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from allclient.contract import SUBTYPES
from allclient.errors import AllclientError, ConfigurationError
from allclient.store import Store, cells, fields
from allclient.store.schema import Case, Field, Signature
from allclient.store.summary import summarize
from allclient.web import views
from allclient.web.pages.layout import ENVIRONMENT

MAX_FIELDS: Final = 2000
PICTURES: Final = 12
"""Fields that are shown with their pictures: the most urgent ones."""

_STYLE: Final = (Path(__file__).parent / "assets" / "report.css").read_text("utf-8")
_DIGEST: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the report may do in a browser: show itself."""


def writer(store: Store, session: Session) -> Callable[[Case, Signature], str]:
    """What writes the report of a case that is being signed, in the session that signs it."""

    def write(case: Case, signature: Signature) -> str:
        whole = fields.by_need(session, case.id, limit=MAX_FIELDS, history=True)
        return ENVIRONMENT.get_template("report.html").render(
            case=case,
            signature=signature,
            fields=whole,
            left_out=max(0, fields.count(session, case.id) - len(whole)),
            shown=[(field, _picture(store, field)) for field in whole[:PICTURES]],
            summary=summarize(session, case.id),
            cells=cells.counts(session, case.id),
            subtypes=SUBTYPES,
            style=_STYLE,
        )

    return write


def pdf(report: str) -> bytes:
    """A report as PDF. Raises ConfigurationError where WeasyPrint or its libraries are missing."""
    from PIL import ImageFile

    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError) as error:  # OSError: Pango is a library of the system
        raise ConfigurationError(
            "a PDF needs WeasyPrint and Pango (Debian: apt-get install libpango-1.0-0 "
            f"libpangoft2-1.0-0); the report as a page can be printed instead. {error}"
        ) from error
    # WeasyPrint lets Pillow fill in what a torn picture lacks, for the whole process.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    # Everything is in the file: nothing else is fetched, whatever stands in it.
    fetcher = URLFetcher(allowed_protocols=["data"], allow_redirects=False)
    made = HTML(string=report, url_fetcher=fetcher).write_pdf()
    assert isinstance(made, bytes)
    return made


def _picture(store: Store, field: Field) -> str:
    """A small picture as an address that holds it; empty where it cannot be shown."""
    try:
        data = views.picture(store, field.digest, thumbnail=True)
    except AllclientError:
        return ""
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()
