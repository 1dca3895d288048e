"""Lists the coded concepts of a report. What dictionaries lack is in the scheme 99ALLCLIENT.

No SNOMED code stands here that pydicom's dictionary of the standard's context groups lacks.
"""

from __future__ import annotations

from typing import Final

from pydicom.sr.coding import Code

from allclient.cases import CaseLabel, CaseReason
from allclient.contract import Backbone, Label, ReviewReason, Subtype

SCHEME: Final = "99ALLCLIENT"


def _private(value: str, meaning: str) -> Code:
    """Make a code of at most 16 characters: few viewers read the attribute of longer ones."""
    return Code(value, SCHEME, meaning)


REPORT: Final = Code("126000", "DCM", "Imaging Measurement Report")
LIGHT_MICROSCOPY: Final = Code("104157003", "SCT", "Light microscopy")
PROBABILITY: Final = Code("122157", "DCM", "Probability")
ARTIFICIAL_INTELLIGENCE: Final = Code("123110", "DCM", "Artificial Intelligence")
COMMENT: Final = Code("121106", "DCM", "Comment")
NO_UNITS: Final = Code("1", "UCUM", "no units")
PERCENT: Final = Code("%", "UCUM", "%")

SITES: Final = {
    "bone_marrow": Code("14016003", "SCT", "Bone marrow"),
    "blood": Code("87612001", "SCT", "Blood"),
}
"""What ``export.site`` may say of all smears that come."""

LABELS: Final = {
    Label.BENIGN: Code("30807003", "SCT", "Benign"),
    Label.MALIGNANT: Code("21594007", "SCT", "Malignant"),
}
SUBTYPES: Final = {
    Subtype.BENIGN: Code("30807003", "SCT", "Benign"),
    Subtype.EARLY_PRE_B: _private("EARLY_PRE_B", "Early pre-B lymphoblasts"),
    Subtype.PRE_B: _private("PRE_B", "Pre-B lymphoblasts"),
    Subtype.PRO_B: _private("PRO_B", "Pro-B lymphoblasts"),
}

LABEL: Final = _private("LABEL", "Acute lymphoblastic leukemia in this field")
SUBTYPE: Final = _private("SUBTYPE", "Maturation stage")
OOD_SCORE: Final = _private("OOD_SCORE", "Unlikeness to the known images")
SUBTYPE_PROBABILITIES: Final = {
    Subtype.BENIGN: _private("P_BENIGN", "P(benign)"),
    Subtype.EARLY_PRE_B: _private("P_EARLY_PRE_B", "P(early pre-B)"),
    Subtype.PRE_B: _private("P_PRE_B", "P(pre-B)"),
    Subtype.PRO_B: _private("P_PRO_B", "P(pro-B)"),
}
"""Short meanings: OHIF writes them beside the outline, and longer ones fall off the screen."""
_NETWORKS: Final = {
    Backbone.MOBILENET: "MobileNet",
    Backbone.XCEPTION: "Xception",
    Backbone.INCEPTION_V3: "InceptionV3",
}
VOTES: Final = {
    backbone: _private(f"VOTE_{name.upper()}"[:16], f"Vote of {name}")
    for backbone, name in _NETWORKS.items()
}

REVIEW: Final = _private("REVIEW", "Review reason")
NO_REVIEW: Final = _private("NO_REVIEW", "None was found")
REVIEW_REASONS: Final = {
    reason: _private(reason.name[:16], reason.value.replace("_", " ").capitalize())
    for reason in ReviewReason
}
SOURCE: Final = _private("SOURCE", "Kind of source")
SECONDARY_CAPTURE: Final = _private("SEC_CAPTURE", "Secondary capture, perhaps no field")

CASE_SUMMARY: Final = _private("CASE_SUMMARY", "Summary of the fields of this study")
CASE_LABEL: Final = _private("CASE_LABEL", "Label of the case")
CASE_LABELS: Final = {
    CaseLabel.BENIGN: LABELS[Label.BENIGN],
    CaseLabel.MALIGNANT: LABELS[Label.MALIGNANT],
    CaseLabel.REVIEW: _private("UNCLEAR", "Not clear: a person decides"),
}
CASE_REASON: Final = _private("CASE_REASON", "Why the case is not clear")
CASE_REASONS: Final = {
    reason: _private(f"C_{reason.name}", reason.value.replace("_", " ").capitalize())
    for reason in CaseReason
}
LEUKOCYTES: Final = _private("LEUKOCYTES", "Leukocytes read")
MALIGNANT_LEUKOCYTES: Final = _private("MALIGNANT_CELLS", "Leukocytes called malignant")
MALIGNANT_SHARE: Final = _private("MALIGNANT_SHARE", "Malignant share of the leukocytes read")
MALIGNANT_SHARE_LOW: Final = _private("SHARE_LOW", "Its 95% interval, low end")
MALIGNANT_SHARE_HIGH: Final = _private("SHARE_HIGH", "Its 95% interval, high end")
AGREEMENT: Final = _private("AGREEMENT", "Share of the networks that agree")

FIELDS_READ: Final = _private("FIELDS_READ", "Fields read")
FIELDS_MALIGNANT: Final = _private("FIELDS_MALIGNANT", "Fields called malignant")
FIELDS_TO_REVIEW: Final = _private("FIELDS_TO_REVIEW", "Fields with a review reason")
FIELDS_NOT_READ: Final = _private("FIELDS_NOT_READ", "Pictures received and not read")

ASSESSMENT: Final = _private("ASSESSMENT", "Assessment by a person")
ASSESSMENTS: Final = {
    "accepted": _private("ACCEPTED", "Accepted"),
    "corrected": _private("CORRECTED", "Corrected"),
    "rejected": _private("REJECTED", "Rejected"),
}
CORRECTED_LABEL: Final = _private("CORRECTED_LABEL", "Label of the case by a person")
PERSON_SUBTYPE: Final = _private("PERSON_SUBTYPE", "Maturation stage by a person")
