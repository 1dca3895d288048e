"""Sends signed results to a FHIR server, and looks whether it took every part."""

from __future__ import annotations

from typing import Any, Final

import requests

from allclient.pacs import fhir
from allclient.pacs.config import Fhir
from allclient.pacs.sender import NotSentError
from allclient.pacs.tokens import authorize
from allclient.pacs.verdict import Verdict

_SECONDS: Final = 60.0
_TYPE: Final = "application/fhir+json"


class FhirServer:
    """A server at ``fhir.url``. Its certificate is checked as the system has it."""

    def __init__(self, settings: Fhir, ae_title: str) -> None:
        self._settings = settings
        self._ae_title = ae_title
        self._session = requests.Session()
        self._session.headers["Accept"] = _TYPE
        if settings.token_file is not None:
            authorize(self._session, settings.token_file, "fhir.token_file")

    def check(self) -> str:
        """Return the version of FHIR that the server speaks. Raises NotSentError unless it is 4."""
        version = str(self._call("GET", "/metadata").get("fhirVersion"))
        if not version.startswith("4."):
            raise NotSentError(f"FHIR: the server speaks version {version[:10]!r}, not R4")
        return version

    def send(self, verdict: Verdict) -> None:
        """Send a result as one transaction. Raises NotSentError."""
        made = fhir.bundle(verdict, self._ae_title, self._settings.patient_system)
        entries = self._call("POST", "", json=made).get("entry")
        taken = [
            str(entry.get("response", {}).get("status", ""))[:3]
            for entry in (entries if isinstance(entries, list) else [])
            if isinstance(entry, dict)
        ]
        if len(taken) != len(made["entry"]) or not {"200", "201"}.issuperset(taken):
            raise NotSentError("FHIR: the server did not say that it took every resource")

    def _call(self, method: str, path: str, **content: Any) -> dict[str, Any]:
        """Return the JSON of an answer. What a server says is not repeated: it may name a patient.

        A redirect counts as a failure, since a POST that follows one becomes a GET.
        """
        headers = {"Content-Type": _TYPE} if content else {}
        try:
            response = self._session.request(
                method,
                self._settings.url + path,
                headers=headers,
                timeout=_SECONDS,
                allow_redirects=False,
                **content,
            )
            answer = response.json() if response.status_code in (200, 201) else None
        except (requests.RequestException, ValueError) as error:
            raise NotSentError(f"FHIR: no answer to use ({type(error).__name__})") from error
        if not isinstance(answer, dict):
            raise NotSentError(f"FHIR: the server answered {response.status_code}")
        return answer
