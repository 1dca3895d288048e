"""Holds templates, and what every one of them may use."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import Response

from allclient.cases import CASE_REASONS
from allclient.cases.formats import share_text
from allclient.store.schema import Cell
from allclient.store.sight import Sight
from allclient.view.style import reason_words
from allclient.web import reasons
from allclient.web.people import Visitor


def boxed(cell: Cell, sight: Sight) -> list[object]:
    """Return a cell as the picture's boxes need it, as somebody may see it."""
    return [cell.id, cell.x, cell.y, cell.width, cell.height, sight.shown_as(cell)]


ENVIRONMENT: Final = Environment(
    loader=PackageLoader("allclient.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.globals["NOTICE"] = reasons.NOTICE
ENVIRONMENT.filters["in_words"] = reasons.in_words
ENVIRONMENT.filters["sentence"] = reason_words
ENVIRONMENT.filters["share"] = share_text
ENVIRONMENT.filters["case_reason"] = CASE_REASONS.__getitem__
ENVIRONMENT.filters["box"] = boxed
ENVIRONMENT.filters["percent"] = lambda share: f"{100 * share:.1f}%"
_TEMPLATES: Final = Jinja2Templates(env=ENVIRONMENT)

VIEWER: Final = Path("openseadragon/build/openseadragon/openseadragon.min.js")


def paged(count: int, size: int, asked: int) -> tuple[int, int]:
    """Return the page to show, from 0, and how many there are: the last one for a later page."""
    pages = -(-count // size)
    return max(0, min(asked, pages - 1)), pages


def render(
    request: Request,
    template: str,
    visitor: Visitor | None,
    *,
    status: int = 200,
    **values: Any,
) -> Response:
    """Return a page for somebody, or for nobody who is known."""
    state = request.app.state
    shared = {
        "base": state.settings.root_path,
        "visitor": visitor,
        "worker": state.worker,
        "oidc": state.oidc.provider.title if state.oidc else "",
        "has_pacs": state.pacs is not None,
        "viewer": VIEWER,
        "has_viewer": (state.settings.vendor / VIEWER).is_file(),
    }
    return _TEMPLATES.TemplateResponse(request, template, shared | values, status_code=status)
