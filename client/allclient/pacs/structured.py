"""The report as DICOM: Comprehensive 3D SR by TID 1500, one TID 1410 group a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from allclient.contract import SUBTYPES
from allclient.pacs import codes
from allclient.pacs.study import NOTICE, Field, StudyReading
from allclient.pacs.uids import derived

_INSET: Final = 0.05
"""The outline of a field is drawn this share of its sides inside, else labels fall off screens."""

_CONTAINS: Final = sr.RelationshipTypeValues.CONTAINS


@dataclass(frozen=True, slots=True)
class Algorithm:
    """What read the fields."""

    model: str
    version: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """The names that a report bears: its own, its series', and the node's AE title."""

    uid: str
    series: str
    ae_title: str


def build(reading: StudyReading, identity: Identity, algorithm: Algorithm) -> Dataset:
    """An UNVERIFIED report of a study, with patient and study as in its images."""
    fields = reading.fields
    content = sr.MeasurementReport(
        observation_context=_observer(identity, algorithm),
        procedure_reported=codes.LIGHT_MICROSCOPY,
        imaging_measurements=[_group(field, identity, algorithm) for field in fields],
        title=codes.REPORT,
        referenced_images=[image.header for image in reading.images],
    )
    content[0].ContentSequence.append(_summary(reading))
    made = sr.Comprehensive3DSR(
        evidence=[image.header for image in reading.images],
        content=content[0],
        series_instance_uid=identity.series,
        series_number=9100,
        sop_instance_uid=identity.uid,
        instance_number=1,
        manufacturer="allclient",
        is_complete=True,
        is_final=False,
        is_verified=False,
        series_description="allclient: for a pathologist, not a medical device",
    )
    made.ManufacturerModelName = "allclient"
    made.SoftwareVersions = algorithm.version
    return made


def _observer(identity: Identity, algorithm: Algorithm) -> sr.ObservationContext:
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(
            observer_type=sr.CodedConcept("121007", "DCM", "Device"),
            observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
                uid=derived("device", identity.ae_title),
                name=identity.ae_title,
                manufacturer_name="allclient",
                model_name="allclient",
                serial_number=algorithm.version,
            ),
        )
    )


def _group(
    field: Field, identity: Identity, algorithm: Algorithm
) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    header, result = field.image.header, field.result
    instance = str(header.SOPInstanceUID)
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=derived("field", instance, str(field.frame)), identifier=field.name
        ),
        referenced_region=_outline(field),
        finding_type=codes.LABELS[result.label],
        algorithm_id=sr.AlgorithmIdentification(
            name=f"allclient {algorithm.model}",
            version=algorithm.version,
            parameters=[*algorithm.parameters, f"model version {result.model_version}"],
            family=codes.ARTIFICIAL_INTELLIGENCE,
            manufacturer="allclient",
        ),
        measurements=[
            _number(codes.PROBABILITY, result.probability),
            *(
                _number(codes.SUBTYPE_PROBABILITIES[subtype], result.probabilities[subtype])
                for subtype in SUBTYPES
            ),
            _number(codes.OOD_SCORE, result.ood_score),
        ],
        qualitative_evaluations=_evaluations(field),
    )


def _evaluations(field: Field) -> list[sr.QualitativeEvaluation]:
    result = field.result
    said = [
        (codes.LABEL, codes.LABELS[result.label]),
        (codes.SUBTYPE, codes.SUBTYPES[result.subtype]),
        *((codes.VOTES[backbone], codes.SUBTYPES[vote]) for backbone, vote in result.votes.items()),
        *((codes.REVIEW, codes.REVIEW_REASONS[reason]) for reason in result.review),
    ]
    if not result.review:
        said.append((codes.REVIEW, codes.NO_REVIEW))
    if field.image.flagged:
        said.append((codes.SOURCE, codes.SECONDARY_CAPTURE))
    return [sr.QualitativeEvaluation(name=name, value=value) for name, value in said]


def _outline(field: Field) -> sr.ImageRegion:
    header = field.image.header
    left, top = header.Columns * _INSET, header.Rows * _INSET
    right, bottom = header.Columns - left, header.Rows - top
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return sr.ImageRegion(
        graphic_type=sr.GraphicTypeValues.POLYLINE,
        graphic_data=np.array(corners, np.float32),
        source_image=sr.SourceImageForRegion(
            referenced_sop_class_uid=header.SOPClassUID,
            referenced_sop_instance_uid=header.SOPInstanceUID,
            referenced_frame_numbers=[field.frame + 1] if field.image.frames > 1 else None,
        ),
    )


def _number(name: Code, value: float) -> sr.Measurement:
    return sr.Measurement(name=name, value=round(float(value), 6), unit=codes.NO_UNITS)


def _summary(reading: StudyReading) -> Any:
    """The case: counts of fields. A share of leukocytes is not claimed: cells are not counted."""
    container = sr.ContainerContentItem(name=codes.CASE_SUMMARY, relationship_type=_CONTAINS)
    counts = (
        (codes.FIELDS_READ, len(reading.fields)),
        (codes.FIELDS_MALIGNANT, reading.malignant),
        (codes.FIELDS_TO_REVIEW, reading.to_review),
        (codes.FIELDS_NOT_READ, reading.frames_not_read),
    )
    container.ContentSequence = sr.ContentSequence(
        [
            *(
                sr.NumContentItem(
                    name=name, value=count, unit=codes.NO_UNITS, relationship_type=_CONTAINS
                )
                for name, count in counts
            ),
            sr.TextContentItem(name=codes.COMMENT, value=NOTICE, relationship_type=_CONTAINS),
        ]
    )
    return container


def name_predecessor(made: Dataset, earlier: Dataset) -> None:
    """Say in a report which one it follows; both are kept."""
    instance = Dataset()
    instance.ReferencedSOPClassUID = earlier.SOPClassUID
    instance.ReferencedSOPInstanceUID = earlier.SOPInstanceUID
    series = Dataset()
    series.SeriesInstanceUID = earlier.SeriesInstanceUID
    series.ReferencedSOPSequence = [instance]
    study = Dataset()
    study.StudyInstanceUID = earlier.StudyInstanceUID
    study.ReferencedSeriesSequence = [series]
    made.PredecessorDocumentsSequence = [study]
