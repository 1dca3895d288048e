"""Makes the reports: a study that has been quiet long enough becomes an SR, pictures and a PDF."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from functools import partial
from typing import Final

from pydicom.dataset import Dataset

from allclient import dicom
from allclient.pacs import building, disk, picture
from allclient.pacs.backoff import pause
from allclient.pacs.building import Task
from allclient.pacs.config import Config
from allclient.pacs.faults import place
from allclient.pacs.inbox import Inbox
from allclient.pacs.structured import Algorithm, Identity
from allclient.pacs.study import StudyReading
from allclient.pacs.uids import derived, key_of, report_uid

_LOG: Final = logging.getLogger(__name__)

MAX_TRIES: Final = 5

_QUIET: Final = """
SELECT study FROM objects
WHERE study IN (SELECT study FROM objects WHERE state = 'read' AND report IS NULL)
AND study NOT IN (SELECT study FROM reports WHERE state = 'due')
GROUP BY study
HAVING max(came) <= ? AND sum(state = 'received') = 0
"""


class Reporter:
    """Reports what is due, once for each call of ``run``."""

    def __init__(self, config: Config, inbox: Inbox, version: str) -> None:
        self._config = config
        self._inbox = inbox
        self._algorithm = Algorithm(config.triton.model, version)
        self._begun = time.time()

    def run(self) -> int:
        """Report what is due; return how many reports were made."""
        quiet_since = time.time() - self._config.node.study_quiet_seconds
        if self._begun <= quiet_since:  # while the gateway was away a sender could not go on
            for row in self._inbox.database.rows(_QUIET, quiet_since):
                self._open(row["study"])
        due = self._inbox.database.rows(
            "SELECT * FROM reports WHERE state = 'due' AND due <= ?", time.time()
        )
        return sum(self._make(row) for row in due)

    def _open(self, study: str) -> None:
        """Begin one report over all of a study that was read so far.

        A later report names the earlier one.
        """
        with self._inbox.database.transaction() as connection:
            instances = [
                row["instance"]
                for row in connection.execute(
                    "SELECT instance FROM objects WHERE study = ? AND state = 'read'", (study,)
                )
            ]
            uid = report_uid(study, instances)
            earlier = connection.execute(
                "SELECT uid FROM reports WHERE study = ? AND state = 'built' "
                "ORDER BY made DESC LIMIT 1",
                (study,),
            ).fetchone()
            connection.execute(
                "INSERT INTO reports (uid, study, made, predecessor) VALUES (?, ?, ?, ?)",
                (uid, study, time.time(), earlier and earlier["uid"]),
            )
            connection.execute(
                "UPDATE objects SET report = ? WHERE study = ? AND state = 'read'", (uid, study)
            )

    def _make(self, row: sqlite3.Row) -> bool:
        try:
            task = self._task(row)
            made = building.build(task)
            if self._config.export.picture:
                made += map(partial(building.made, "picture"), self._pictures(task.reading()))
            for result in made:
                disk.write(self._inbox.result_path(result.instance), result.data)
        except Exception as error:
            self._again(row, error)
            return False
        with self._inbox.database.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO exports (instance, target, sop_class, report, kind) "
                "VALUES (?, ?, ?, ?, ?)",
                [
                    (result.instance, target, result.sop_class, row["uid"], result.kind)
                    for result in made
                    for target in targets(self._config)
                ],
            )
            connection.execute("UPDATE reports SET state = 'built' WHERE uid = ?", (row["uid"],))
        _LOG.info("report %s: %d objects", key_of(row["uid"])[:12], len(made))
        return True

    def _task(self, row: sqlite3.Row) -> Task:
        study = row["study"]
        (counted,) = self._inbox.database.rows(
            "SELECT count(*) AS number FROM objects "
            "WHERE study = ? AND state IN ('refused', 'dead')",
            study,
        )
        objects = self._inbox.database.rows(
            "SELECT key, answer FROM objects WHERE study = ? AND report = ?", study, row["uid"]
        )
        earlier = row["predecessor"]
        return Task(
            study=study,
            objects=tuple((self._inbox.path(each["key"]), each["answer"]) for each in objects),
            not_read=counted["number"],
            identity=Identity(
                uid=row["uid"],
                series=derived("reports", study, self._config.node.ae_title),
                ae_title=self._config.node.ae_title,
            ),
            algorithm=self._algorithm,
            export=self._config.export,
            predecessor=self._inbox.result_path(earlier) if earlier else None,
        )

    def _pictures(self, reading: StudyReading) -> Iterator[Dataset]:
        """Make a picture of each field that has none yet from an earlier report."""
        series = derived("pictures", reading.study, self._config.node.ae_title)
        for number, field in enumerate(reading.fields, 1):
            if field.region is not None:  # hundreds, and the slide is there to be looked at
                continue
            instance = picture.instance_of(field)
            if self._inbox.database.rows("SELECT 1 FROM exports WHERE instance = ?", instance):
                continue
            path = self._inbox.path(key_of(str(field.image.header.SOPInstanceUID)))
            encoded = dicom.encoded_field(path.read_bytes(), field.frame)
            yield picture.build(
                field,
                encoded.data,
                series=series,
                number=number,
                version=self._algorithm.version,
            )

    def _again(self, row: sqlite3.Row, error: Exception) -> None:
        tries = row["tries"] + 1
        state = "dead" if tries >= MAX_TRIES else "due"
        _LOG.warning("report %s could not be made (%s)", key_of(row["uid"])[:12], place(error))
        with self._inbox.database.transaction() as connection:
            connection.execute(
                "UPDATE reports SET state = ?, tries = ?, due = ?, reason = ? WHERE uid = ?",
                (state, tries, time.time() + pause(tries), place(error), row["uid"]),
            )


def targets(config: Config) -> list[str]:
    """Return where results go: ``peer``, ``dicomweb`` or both."""
    wanted = {"peer": config.export.peer, "dicomweb": config.export.dicomweb}
    return [name for name, target in wanted.items() if target is not None]
