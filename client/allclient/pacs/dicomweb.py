"""Speaks with a DICOMweb service: STOW for results, QIDO and WADO for images.

After a STOW the result is looked for: an answer is no proof.
"""

from __future__ import annotations

from typing import Any, Final

import requests
from dicomweb_client.api import DICOMwebClient
from dicomweb_client.session_utils import create_session
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from allclient.pacs.config import Export
from allclient.pacs.sender import NotSentError
from allclient.pacs.tokens import authorize

_SECONDS: Final = 60.0

_INSTANCE, _STUDY, _SERIES = "00080018", "0020000D", "0020000E"
_ACCESSION, _MODALITY = "00080050", "00080060"


class DicomWeb:
    """A service at ``export.dicomweb``. Its certificates are checked as the system has them."""

    def __init__(self, export: Export) -> None:
        session = create_session()
        if export.dicomweb_token_file is not None:
            authorize(session, export.dicomweb_token_file, "export.dicomweb_token_file")
        session.request = _with_timeout(session.request)  # type: ignore[method-assign]
        self._client = DICOMwebClient(url=str(export.dicomweb), session=session)

    def search(self) -> None:
        """Send a small QIDO, once, to see whether anybody answers. Raises NotSentError."""
        self._client.set_http_retry_params(retry=False)  # else four more, within half a minute
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
        if not any(_value(item, _INSTANCE) == made.SOPInstanceUID for item in answer or ()):
            raise NotSentError("STOW was answered well, and the object is not there")

    def studies(self, accession: str) -> list[str]:
        """Return the studies with an accession number, by QIDO. Raises NotSentError."""
        found = self._call(
            "QIDO",
            self._client.search_for_studies,
            search_filters={"AccessionNumber": accession},
            get_remaining=True,
        )
        return [
            _value(item, _STUDY) for item in found or () if _value(item, _ACCESSION) == accession
        ]

    def series(self, study: str) -> list[tuple[str, str]]:
        """Return the series of a study, each with its modality. Raises NotSentError."""
        found = self._call(
            "QIDO", self._client.search_for_series, study_instance_uid=study, get_remaining=True
        )
        return [(_value(item, _SERIES), _value(item, _MODALITY)) for item in found or ()]

    def instances(self, study: str, series: str) -> list[str]:
        """Return the instances of a series. Raises NotSentError."""
        found = self._call(
            "QIDO",
            self._client.search_for_instances,
            study_instance_uid=study,
            series_instance_uid=series,
            get_remaining=True,
        )
        return [_value(item, _INSTANCE) for item in found or ()]

    def retrieve(self, study: str, series: str, instance: str) -> Dataset:
        """Return an instance as the service has it, by WADO. Raises NotSentError."""
        made: Dataset = self._call(
            "WADO",
            self._client.retrieve_instance,
            study,
            series,
            instance,
            media_types=(("application/dicom", "*"),),  # else it is transcoded
        )
        return made

    def _call(self, what: str, call: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return call(*arguments, **options)
        except (requests.RequestException, ValueError, KeyError, InvalidDicomError) as error:
            # Its text may hold a query, and that a name.
            response = getattr(error, "response", None)
            status = getattr(response, "status_code", None) or type(error).__name__
            raise NotSentError(f"{what}: the service answered {status}") from error


def _value(item: Any, tag: str) -> str:
    values = item.get(tag, {}).get("Value") or [""]
    return str(values[0]).strip()


def _with_timeout(request: Any) -> Any:
    def call(*arguments: Any, **options: Any) -> Any:
        options.setdefault("timeout", _SECONDS)
        return request(*arguments, **options)

    return call
