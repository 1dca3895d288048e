"""The file that is kept is the one that pynetdicom would write."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

from pydicom import dcmread, uid
from pynetdicom import evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.presentation import PresentationContextTuple

from allclient.pacs import incoming
from allclient.pacs.classes import STORED, TRANSFER_SYNTAXES
from tests.unit.dicom.objects import as_file, jpeg_object, rgb_object


def event_of(content: bytes, instance: str, sop_class: str, syntax: str) -> Any:
    request = C_STORE()
    request.AffectedSOPInstanceUID = uid.UID(instance)
    request.AffectedSOPClassUID = uid.UID(sop_class)
    request.DataSet = io.BytesIO(content)
    assoc: Any = SimpleNamespace(requestor=SimpleNamespace(ae_title="MICROSCOPE"))
    context = PresentationContextTuple(1, uid.UID(sop_class), uid.UID(syntax))
    return evt.Event(assoc, evt.EVT_C_STORE, {"request": request, "context": context})


@pytest.mark.parametrize("instance", ["1.2", "1.2.3", "1.111.11", "2.25." + "9" * 39])
def test_the_file_is_the_one_that_the_library_makes(instance: str) -> None:
    for sop_class in STORED:
        for syntax in TRANSFER_SYNTAXES:
            event = event_of(b"anything", instance, sop_class, syntax)
            assert incoming.as_file(event) == event.encoded_dataset()


@pytest.mark.parametrize(
    "syntax",
    [
        uid.ImplicitVRLittleEndian,
        uid.ExplicitVRLittleEndian,
        uid.ExplicitVRBigEndian,
        uid.DeflatedExplicitVRLittleEndian,
        uid.JPEGBaseline8Bit,
    ],
)
def test_the_names_are_those_of_the_object(syntax: str) -> None:
    sent = jpeg_object() if syntax == uid.JPEGBaseline8Bit else rgb_object(syntax=syntax)
    file = as_file(sent)
    meta = 128 + 4 + 12 + dcmread(io.BytesIO(file)).file_meta.FileMetaInformationGroupLength
    event = event_of(file[meta:], sent.SOPInstanceUID, sent.SOPClassUID, syntax)
    names = incoming.named(event, incoming.as_file(event))
    assert names is not None
    assert names.instance == sent.SOPInstanceUID
    assert names.study == sent.StudyInstanceUID
    assert names.sop_class == sent.SOPClassUID
