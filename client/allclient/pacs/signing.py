"""Signs reports: a new, VERIFIED report goes into the queue of a gateway.

``sign`` serves the command and ``sign_case`` the web page. The unsigned report stays as it is; the
signed one names it as its predecessor.
"""

from __future__ import annotations

import datetime
import io
import time
from pathlib import Path
from typing import Any, Final

import pydicom
from pydicom.dataset import Dataset

from allclient.contract import Label, Subtype
from allclient.errors import ConfigurationError
from allclient.pacs import config as configuration
from allclient.pacs import disk, verdict
from allclient.pacs.config import Config
from allclient.pacs.inbox import Inbox
from allclient.pacs.reporter import targets
from allclient.pacs.signature import ASSESSMENTS, Signature, says, signed, signed_uid
from allclient.pacs.uids import key_of

__all__ = ["ASSESSMENTS", "Signature", "sign", "sign_case"]

_OF_CASE: Final = """
SELECT * FROM reports WHERE state = 'built' AND (
    study = ?1
    OR study IN (SELECT study FROM objects WHERE instance = ?1)
    OR study IN (SELECT study FROM reports WHERE uid = ?1)
) ORDER BY rowid DESC
"""


def sign_case(
    config: Path,
    uid: str,
    *,
    by: str,
    organization: str,
    at: datetime.datetime,
    assessment: str | None = None,
    label: Label | None = None,
    subtype: Subtype | None = None,
    comment: str = "",
) -> str:
    """Sign the newest report of a case and queue it for export; return the signed report's UID.

    The gateway of ``config`` need not run: it sends what is queued when it does. The same call a
    second time changes nothing and returns the same UID, so a caller may repeat it after a crash.

    Args:
        config: The configuration file of the gateway (pacs.toml).
        uid: What names the case: its Study Instance UID, or the SOP Instance UID of one of its
            images or reports.
        by: The person as a DICOM name (Doe^Jane), 1 to 64 characters.
        organization: For whom the person signs, 1 to 64 characters.
        at: When the person signed, with a time zone.
        assessment: ``accepted``, ``corrected`` or ``rejected``. None derives it from ``label``:
            accepted where the software gave the case this label, corrected where it did not,
            rejected without a label.
        label: What the case is by the person; with an ``assessment`` only for a corrected case.
        subtype: The maturation stage that the person saw, for a malignant case alone.
        comment: A text that goes into the signed report.

    Raises:
        ConfigurationError: the configuration cannot be read, the case has no report yet, the parts
            of the signature do not fit together, or a later report came meanwhile.
    """
    loaded = configuration.load(config)
    inbox = Inbox(loaded.node.folder)
    try:
        reports = inbox.database.rows(_OF_CASE, uid)
        if not reports:
            raise ConfigurationError("the gateway has no report of this case (yet)")
        there = {row["uid"] for row in reports}
        for row in reversed(reports):
            signature = _signature(
                assessment, label, by, organization, comment, subtype, at, _read(inbox, row)
            )
            if (made := signed_uid(row["uid"], signature)) in there:
                return made
        return _put(loaded, inbox, reports[0], signature)
    finally:
        inbox.close()


def _signature(
    assessment: str | None,
    label: Label | None,
    by: str,
    organization: str,
    comment: str,
    subtype: Subtype | None,
    at: datetime.datetime,
    report: Dataset,
) -> Signature:
    if assessment is None:
        if label is None:
            assessment = "rejected"
        elif says(report, label):
            assessment, label = "accepted", None
        else:
            assessment = "corrected"
    return Signature(assessment, by, organization, label, comment, subtype, at)


def sign(config: Config, inbox: Inbox, key: str, signature: Signature) -> str:
    """Sign the report whose key begins with ``key``; the UID of the signed one, which is queued.

    Raises ConfigurationError for a report that is not there, or that a later one follows.
    """
    return _put(config, inbox, _find(inbox, key), signature)


def _put(config: Config, inbox: Inbox, report: Any, signature: Signature) -> str:
    made = signed(_read(inbox, report), signature)
    with inbox.database.transaction() as connection:
        if connection.execute(
            "SELECT 1 FROM reports WHERE predecessor = ?", (report["uid"],)
        ).fetchone():
            raise ConfigurationError(
                f"a later report follows {key_of(report['uid'])[:12]}: it was signed, or more "
                "images came; sign the later one"
            )
        disk.write(inbox.result_path(made.SOPInstanceUID), _encoded(made))
        connection.execute(
            "INSERT INTO reports (uid, study, made, predecessor, state) "
            "VALUES (?, ?, ?, ?, 'built')",
            (made.SOPInstanceUID, report["study"], time.time(), report["uid"]),
        )
        connection.executemany(
            "INSERT INTO exports (instance, target, sop_class, report, kind) "
            "VALUES (?, ?, ?, ?, 'report')",
            [
                (made.SOPInstanceUID, target, made.SOPClassUID, made.SOPInstanceUID)
                for target in (*targets(config), *verdict.targets(config))
            ],
        )
    return str(made.SOPInstanceUID)


def _find(inbox: Inbox, key: str) -> Any:
    found = [
        row
        for row in inbox.database.rows("SELECT * FROM reports WHERE state = 'built'")
        if key and key_of(row["uid"]).startswith(key)
    ]
    if len(found) != 1:
        how_many = "no report has" if not found else f"{len(found)} reports have"
        raise ConfigurationError(
            f"{how_many} a key that begins with {key!r}; allclient pacs queue list --all names them"
        )
    return found[0]


def _read(inbox: Inbox, report: Any) -> Dataset:
    return pydicom.dcmread(inbox.result_path(report["uid"]))


def _encoded(made: Dataset) -> bytes:
    file = io.BytesIO()
    made.save_as(file, enforce_file_format=True)
    return file.getvalue()
