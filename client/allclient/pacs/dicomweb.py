"""Sends results to a DICOMweb service by STOW, and looks for each: an answer is no proof."""

from __future__ import annotations

from typing import Any, Final

import requests
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session
from pydicom.dataset import Dataset

from allclient.pacs.config import Export
from allclient.pacs.sender import NotSentError
from allclient.pacs.tokens import authorize

_SECONDS: Final = 60.0


class DicomWeb:
    """A service at ``export.dicomweb``. Its certificates are checked as the system has them."""

    def __init__(self, export: Export) -> None:
        session = create_session()
        if export.dicomweb_token_file is not None:
            authorize(session, export.dicomweb_token_file, "export.dicomweb_token_file")
        session.request = _with_timeout(session.request)  # type: ignore[method-assign]
        self._client = DICOMwebClient(url=str(export.dicomweb), session=session)

    def search(self) -> None:
        """Send a small QIDO, to see whether anybody answers. Raises NotSentError."""
        self._call("QIDO", self._client.search_for_studies, limit=1)

    def store(self, made: Dataset) -> None:
        """Send by STOW, then see that the service has the object. Raises NotSentError."""
        self._call("STOW", self._client.store_instances, [made])
        answer = self._call(
            "QIDO",
            self._client.search_for_instances,
            study_instance_uid=str(made.StudyInstanceUID),
            series_instance_uid=str(made.SeriesInstanceUID),
            search_filters={"SOPInstanceUID": str(made.SOPInstanceUID)},
        )
        if not any(_instance(item) == made.SOPInstanceUID for item in answer or ()):
            raise NotSentError("STOW was answered well, and the object is not there")

    def _call(self, what: str, call: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return call(*arguments, **options)
        except (requests.RequestException, ValueError, KeyError) as error:
            # Its text may hold a query, and that a name.
            response = getattr(error, "response", None)
            status = getattr(response, "status_code", None) or type(error).__name__
            raise NotSentError(f"{what}: the service answered {status}") from error


def _instance(item: Any) -> str:
    values = item.get("00080018", {}).get("Value") or [""]
    return str(values[0])


def _with_timeout(request: Any) -> Any:
    def call(*arguments: Any, **options: Any) -> Any:
        options.setdefault("timeout", _SECONDS)
        return request(*arguments, **options)

    return call
