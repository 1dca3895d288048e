"""Signing over HTTP, and the reports of what was signed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from allclient.errors import RefusedError
from allclient.store import Store, cases, deliveries, signatures
from allclient.store.words import Conclusion, DeliveryState
from allclient.web import report, verified
from allclient.web.api.cases import counted
from allclient.web.api.models import CaseOut, Id
from allclient.web.people import Anybody

router = APIRouter(prefix="/cases/{case_id}")


class SignatureIn(BaseModel):
    """The conclusion to sign a case with."""

    seen: Annotated[int, Field(ge=0, le=2**31 - 1)]
    """The version of the case that the person saw."""
    shown: dict[int, int] = {}
    """The versions of fields that the person saw after that, by their ids."""
    conclusion: Conclusion
    comment: str = ""


class DeliveryOut(BaseModel):
    """What became of the VERIFIED DICOM report of a signature."""

    model_config = ConfigDict(from_attributes=True)
    state: DeliveryState
    message: str
    """Why it failed."""
    report_uid: str
    """SOP Instance UID of the report in the gateway's queue."""


class SignatureOut(BaseModel):
    """A signature, who made it and when."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    user_name: str
    conclusion: Conclusion
    comment: str
    created_at: datetime
    delivery: DeliveryOut | None
    """None where the case did not come as DICOM objects, or no gateway is configured."""


@router.post("/signatures", status_code=201)
def sign_case(request: Request, person: Anybody, case_id: Id, said: SignatureIn) -> SignatureOut:
    """Sign a case of which every field has a verdict. Nothing in it changes from then on.

    409 where a field or a cell of it changed since ``seen``; ``changes`` of the error names them.
    """
    store: Store = request.app.state.store
    pacs: verified.Pacs | None = request.app.state.pacs
    with store.write() as session:
        signature = signatures.sign(
            session,
            person.actor,
            case_id,
            seen=said.seen,
            shown=said.shown,
            conclusion=said.conclusion,
            comment=said.comment,
            report=report.writer(store, session),
        )
        if pacs is not None:
            deliveries.begin(session, signature)
    return _handed_over(store, pacs, case_id, signature.id)


@router.get("/signatures")
def list_signatures(request: Request, person: Anybody, case_id: Id) -> list[SignatureOut]:
    """All signatures of a case, the latest first."""
    store: Store = request.app.state.store
    with store.read() as session:
        cases.get(session, case_id)
        person.sight(session).require(case_id)
        return [SignatureOut.model_validate(one) for one in signatures.of_case(session, case_id)]


@router.post("/open")
def open_case(request: Request, person: Anybody, case_id: Id) -> CaseOut:
    """Let a signed case change again; its signatures and reports stay.

    Answers that came after the signature enter it, and their fields need a verdict once more.
    """
    store: Store = request.app.state.store
    with store.write() as session:
        case = signatures.open_again(session, person.actor, case_id)
        return counted(session, person, case)


@router.get("/signatures/{signature_id}/report", response_class=Response)
def signed_report(
    request: Request, person: Anybody, case_id: Id, signature_id: Id, pdf: bool = False
) -> Response:
    """The report as it was signed: one HTML file, or a PDF made of it."""
    store: Store = request.app.state.store
    with store.read() as session:
        person.sight(session).require(case_id)
        written = signatures.get(session, case_id, signature_id).report
    if not pdf:
        return Response(
            written,
            media_type="text/html; charset=utf-8",
            headers={"content-security-policy": report.POLICY},
        )
    name = f'attachment; filename="case-{case_id}-report-{signature_id}.pdf"'
    return Response(
        report.pdf(written),
        media_type="application/pdf",
        headers={"content-disposition": name},
    )


@router.post("/signatures/{signature_id}/delivery")
def deliver_again(request: Request, person: Anybody, case_id: Id, signature_id: Id) -> SignatureOut:
    """Have the VERIFIED DICOM report of a signature made once more, after it failed."""
    store: Store = request.app.state.store
    pacs: verified.Pacs | None = request.app.state.pacs
    if pacs is None:
        raise RefusedError("no gateway is configured here: see --pacs-config")
    with store.write() as session:
        person.sight(session).require(case_id)
        signature = signatures.get(session, case_id, signature_id)
        deliveries.try_again(session, person.actor, signature)
    return _handed_over(store, pacs, case_id, signature_id)


def _handed_over(
    store: Store, pacs: verified.Pacs | None, case_id: int, signature_id: int
) -> SignatureOut:
    with store.read() as session:
        waits = signatures.get(session, case_id, signature_id).delivery is not None
    if pacs is not None and waits:
        verified.hand_over(store, pacs, signature_id)
    with store.read() as session:
        return SignatureOut.model_validate(signatures.get(session, case_id, signature_id))
