"""Templates, and what every one of them may use."""

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
from allclient.web import reasons
from allclient.web.people import Visitor


def boxed(cell: Cell) -> list[object]:
    """A cell as the picture's boxes need it."""
    return [cell.id, cell.x, cell.y, cell.width, cell.height, cell.shown_as]


_ENVIRONMENT: Final = Environment(
    loader=PackageLoader("allclient.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals["NOTICE"] = reasons.NOTICE
_ENVIRONMENT.filters["in_words"] = reasons.in_words
_ENVIRONMENT.filters["sentence"] = reasons.sentence
_ENVIRONMENT.filters["share"] = share_text
_ENVIRONMENT.filters["case_reason"] = CASE_REASONS.__getitem__
_ENVIRONMENT.filters["box"] = boxed
_ENVIRONMENT.filters["percent"] = lambda share: f"{100 * share:.1f}%"
_TEMPLATES: Final = Jinja2Templates(env=_ENVIRONMENT)

VIEWER: Final = Path("openseadragon/build/openseadragon/openseadragon.min.js")


def render(
    request: Request,
    template: str,
    visitor: Visitor | None,
    *,
    status: int = 200,
    **values: Any,
) -> Response:
    """A page for somebody, or for nobody who is known."""
    state = request.app.state
    shared = {
        "base": state.settings.root_path,
        "visitor": visitor,
        "worker": state.worker,
        "viewer": VIEWER,
        "has_viewer": (state.settings.vendor / VIEWER).is_file(),
    }
    return _TEMPLATES.TemplateResponse(request, template, shared | values, status_code=status)
