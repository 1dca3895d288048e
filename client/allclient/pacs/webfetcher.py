"""Fetches the images of a study by accession number over DICOMweb: QIDO, then WADO."""

from __future__ import annotations

import io
import logging
from typing import Final

from pydicom.dataset import Dataset

from allclient.pacs.classes import STORED
from allclient.pacs.config import Config
from allclient.pacs.deidentify import IdentifiedError
from allclient.pacs.dicomweb import DicomWeb
from allclient.pacs.disk import DiskFullError
from allclient.pacs.fetcher import MODALITIES, Fetched, checked
from allclient.pacs.inbox import Inbox
from allclient.pacs.received import Received
from allclient.pacs.sender import NotSentError
from allclient.pacs.uids import derived, is_uid, key_of

_LOG: Final = logging.getLogger(__name__)

PEER: Final = "DICOMweb"
"""What the queue names as the sender."""


def fetch(config: Config, inbox: Inbox, accession: str) -> Fetched:
    """Put the images with this accession number into the queue; a gateway reads them.

    The service is that of ``export.dicomweb``. Raises ConfigurationError for what is no accession
    number, and NotSentError if the service cannot be asked or the disk is full.
    """
    web = DicomWeb(config.export)
    number = checked(accession)
    asked = came = failed = 0
    for study in web.studies(number):
        own = derived("pictures", study, config.node.ae_title)
        for series, modality in web.series(study):
            if modality not in MODALITIES or series == own:
                continue
            asked += 1
            for instance in web.instances(study, series):
                kept = _keep(inbox, web, (study, series, instance))
                came, failed = came + kept, failed + (not kept)
    return Fetched(asked, came, failed)


def _keep(inbox: Inbox, web: DicomWeb, names: tuple[str, str, str]) -> bool:
    study, _, instance = names
    try:
        made = web.retrieve(*names)
    except NotSentError as error:
        _LOG.warning("%s did not come: %s", key_of(instance)[:12], error)
        return False
    uids = str(made.get("SOPInstanceUID")), str(made.get("StudyInstanceUID"))
    sop_class = str(made.get("SOPClassUID"))
    if uids != (instance, study) or not all(map(is_uid, uids)) or sop_class not in STORED:
        _LOG.warning("%s is another object than was asked for, or no image", key_of(instance)[:12])
        return False
    try:
        inbox.keep(Received(instance, study, sop_class, PEER), _encoded(made))
    except IdentifiedError as error:
        _LOG.warning("%s was not de-identified: %s", key_of(instance)[:12], error)
        return False
    except DiskFullError as error:
        raise NotSentError("the disk is full, or has less free than node.min_free_mb") from error
    return True


def _encoded(made: Dataset) -> bytes:
    file = io.BytesIO()
    made.save_as(file, enforce_file_format=True)
    return file.getvalue()
