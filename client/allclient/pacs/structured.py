"""Writes the report as DICOM: Comprehensive 3D SR by TID 1500, one TID 1410 group a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from highdicom import sr
from highdicom.spatial import PixelToReferenceTransformer
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from allclient.cases import Case
from allclient.cell import Cell
from allclient.contract import SUBTYPES, Label
from allclient.pacs import codes
from allclient.pacs.derived import IDENTITY_REMOVED
from allclient.pacs.study import NOTICE, Field, StudyReading
from allclient.pacs.uids import derived
from allclient.result import Result

_INSET: Final = 0.2
"""The outline of a field is drawn this share of its sides inside: OHIF writes the values to its
right, and they would fall off the screen."""

UNKNOWN: Final = "unknown"
"""What the report says where the server does not name its release."""

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


def build(
    reading: StudyReading,
    identity: Identity,
    algorithm: Algorithm,
    *,
    cells: bool = False,
    site: Code | None = None,
) -> Dataset:
    """Return an UNVERIFIED report of a study, with patient and study as in its images.

    ``cells`` adds a group for each leukocyte that is malignant or uncertain. ``site`` is where all
    smears were taken, if that is known.
    """

    def groups(field: Field) -> list[sr.PlanarROIMeasurementsAndQualitativeEvaluations]:
        return [
            _field_group(field, algorithm, site),
            *(
                _cell_group(field, number, cell, site)
                for number, cell in cells_to_show(field, cells)
            ),
        ]

    fields = reading.fields
    content = sr.MeasurementReport(
        observation_context=_observer(identity, algorithm),
        procedure_reported=codes.LIGHT_MICROSCOPY,
        imaging_measurements=[group for field in fields for group in groups(field)],
        title=codes.REPORT,
        referenced_images=[image.header for image in reading.images],
    )
    content[0].ContentSequence.append(_summary(reading.case))
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
    for name in IDENTITY_REMOVED:
        if name in reading.images[0].header:
            made[name] = reading.images[0].header[name]
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


def cells_to_show(field: Field, wanted: bool) -> list[tuple[int, Cell]]:
    """Return the cells of a field that have a group of their own, with their numbers."""
    if not wanted:
        return []
    return [
        (number, cell)
        for number, cell in enumerate(field.result.cells or (), 1)
        if cell.label is Label.MALIGNANT or cell.agreement < 1
    ]


def _cell_group(
    field: Field, number: int, cell: Cell, site: Code | None
) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    instance = str(field.image.header.SOPInstanceUID)
    box = cell.box(*field.size)
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=derived("cell", instance, field.place, str(number)),
            identifier=f"{field.name}, cell {number}",
        ),
        referenced_region=_region(field, *box),
        finding_type=codes.LABELS[cell.label],
        finding_sites=_sites(site),
        measurements=[
            _number(codes.PROBABILITY, cell.probability),
            _number(codes.AGREEMENT, cell.agreement),
        ],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(name=codes.SUBTYPE, value=codes.SUBTYPES[cell.subtype])
        ],
    )


def _field_group(
    field: Field, algorithm: Algorithm, site: Code | None
) -> sr.PlanarROIMeasurementsAndQualitativeEvaluations:
    result = field.result
    instance = str(field.image.header.SOPInstanceUID)
    return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=derived("field", instance, field.place), identifier=field.name
        ),
        referenced_region=_outline(field),
        finding_type=codes.LABELS[result.label],
        finding_sites=_sites(site),
        algorithm_id=sr.AlgorithmIdentification(
            name=f"allclient {algorithm.model}",
            version=algorithm.version,
            parameters=[
                *algorithm.parameters,
                f"model version {result.model_version}",
                f"release {result.release or UNKNOWN}",
            ],
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
            *_cell_counts(result),
        ],
        qualitative_evaluations=_evaluations(field),
    )


def _sites(site: Code | None) -> list[sr.FindingSite] | None:
    return None if site is None else [sr.FindingSite(anatomic_location=site)]


def _cell_counts(result: Result) -> list[sr.Measurement]:
    read, malignant = result.leukocytes, result.malignant_leukocytes
    if read is None or malignant is None:
        return []
    counts = [_number(codes.LEUKOCYTES, read), _number(codes.MALIGNANT_LEUKOCYTES, malignant)]
    return [*counts, _number(codes.MALIGNANT_SHARE, malignant / read)] if read else counts


def _evaluations(field: Field) -> list[sr.QualitativeEvaluation]:
    result = field.result
    answers = [
        (codes.LABEL, codes.LABELS[result.label]),
        (codes.SUBTYPE, codes.SUBTYPES[result.subtype]),
        *((codes.VOTES[backbone], codes.SUBTYPES[vote]) for backbone, vote in result.votes.items()),
        *((codes.REVIEW, codes.REVIEW_REASONS[reason]) for reason in result.review),
    ]
    if not result.review:
        answers.append((codes.REVIEW, codes.NO_REVIEW))
    if field.image.flagged:
        answers.append((codes.SOURCE, codes.SECONDARY_CAPTURE))
    return [sr.QualitativeEvaluation(name=name, value=value) for name, value in answers]


def _outline(field: Field) -> sr.ImageRegion | sr.ImageRegion3D:
    width, height = field.size
    if field.region is not None:
        return _region(field, 0, 0, width, height)
    left, top = width * _INSET, height * _INSET
    return _region(field, left, top, width - left, height - top)


def _region(
    field: Field, left: float, top: float, right: float, bottom: float
) -> sr.ImageRegion | sr.ImageRegion3D:
    """Return a rectangle in pixels of the field; on a slide, in the slide's own coordinates."""
    header = field.image.header
    corners = np.array(
        [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)], np.float32
    )
    if field.region is not None:
        to_slide = PixelToReferenceTransformer.for_image(header, for_total_pixel_matrix=True)
        pixels = np.rint(corners + np.array(field.region[:2])).astype(np.int64)
        return sr.ImageRegion3D(
            graphic_type=sr.GraphicTypeValues3D.POLYGON,
            graphic_data=to_slide(pixels),
            frame_of_reference_uid=header.FrameOfReferenceUID,
        )
    return sr.ImageRegion(
        graphic_type=sr.GraphicTypeValues.POLYLINE,
        graphic_data=corners,
        source_image=sr.SourceImageForRegion(
            referenced_sop_class_uid=header.SOPClassUID,
            referenced_sop_instance_uid=header.SOPInstanceUID,
            referenced_frame_numbers=[field.frame + 1] if field.image.frames > 1 else None,
        ),
    )


def _number(name: Code, value: float) -> sr.Measurement:
    return sr.Measurement(name=name, value=round(float(value), 6), unit=codes.NO_UNITS)


def _summary(case: Case) -> Any:
    """Return the case. The share is of the leukocytes read, and no blast percentage."""
    container = sr.ContainerContentItem(name=codes.CASE_SUMMARY, relationship_type=_CONTAINS)
    items: list[Any] = [_code(codes.CASE_LABEL, codes.CASE_LABELS[case.label])]
    items += [_code(codes.CASE_REASON, codes.CASE_REASONS[reason]) for reason in case.reasons]
    counts: list[tuple[Code, float | None]] = [
        (codes.FIELDS_READ, case.fields),
        (codes.FIELDS_MALIGNANT, case.malignant_fields),
        (codes.FIELDS_TO_REVIEW, case.to_review),
        (codes.FIELDS_NOT_READ, case.failed),
        (codes.LEUKOCYTES, case.leukocytes),
        (codes.MALIGNANT_LEUKOCYTES, case.malignant_leukocytes),
    ]
    if (share := case.malignant_share) is not None:
        counts += [
            (codes.MALIGNANT_SHARE, round(share.value, 6)),
            (codes.MALIGNANT_SHARE_LOW, None if share.low is None else round(share.low, 6)),
            (codes.MALIGNANT_SHARE_HIGH, None if share.high is None else round(share.high, 6)),
        ]
    items += [
        sr.NumContentItem(name=name, value=count, unit=codes.NO_UNITS, relationship_type=_CONTAINS)
        for name, count in counts
        if count is not None
    ]
    items.append(sr.TextContentItem(name=codes.COMMENT, value=NOTICE, relationship_type=_CONTAINS))
    container.ContentSequence = sr.ContentSequence(items)
    return container


def _code(name: Code, value: Code) -> Any:
    return sr.CodeContentItem(name=name, value=value, relationship_type=_CONTAINS)


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
