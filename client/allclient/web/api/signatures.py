"""Signing over HTTP, and the reports of what was signed."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict

from allclient.store import Store, cases, signatures
from allclient.store.words import Conclusion
from allclient.web import report
from allclient.web.api.models import CaseOut, Id
from allclient.web.people import Anybody

router = APIRouter(prefix="/cases/{case_id}")


class SignatureIn(BaseModel):
    """The conclusion to sign a case with."""

    conclusion: Conclusion
    comment: str = ""


class SignatureOut(BaseModel):
    """A signature, who made it and when."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    user_name: str
    conclusion: Conclusion
    comment: str
    created_at: datetime


@router.post("/signatures", status_code=201)
def sign_case(request: Request, person: Anybody, case_id: Id, said: SignatureIn) -> SignatureOut:
    """Sign a case of which every field has a verdict. Nothing in it changes from then on."""
    store: Store = request.app.state.store
    with store.write() as session:
        signature = signatures.sign(
            session,
            person.actor,
            case_id,
            conclusion=said.conclusion,
            comment=said.comment,
            report=report.writer(store, session),
        )
        return SignatureOut.model_validate(signature)


@router.get("/signatures")
def list_signatures(request: Request, person: Anybody, case_id: Id) -> list[SignatureOut]:
    """All signatures of a case, the latest first."""
    store: Store = request.app.state.store
    with store.read() as session:
        cases.get(session, case_id)
        return [SignatureOut.model_validate(one) for one in signatures.of_case(session, case_id)]


@router.post("/open")
def open_case(request: Request, person: Anybody, case_id: Id) -> CaseOut:
    """Let a signed case change again; its signatures and reports stay."""
    store: Store = request.app.state.store
    with store.write() as session:
        case = signatures.open_again(session, person.actor, case_id)
        return CaseOut.of(case, cases.counts(session, [case_id])[case_id])


@router.get("/signatures/{signature_id}/report", response_class=Response)
def signed_report(
    request: Request, person: Anybody, case_id: Id, signature_id: Id, pdf: bool = False
) -> Response:
    """The report as it was signed: one HTML file, or a PDF made of it."""
    store: Store = request.app.state.store
    with store.read() as session:
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
