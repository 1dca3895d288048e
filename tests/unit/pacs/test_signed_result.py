"""The signed result as HL7 v2 and FHIR, by the queue, to receivers in this process."""

from __future__ import annotations

import copy
import dataclasses
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pynetdicom", reason="the extra pacs is not installed")

import hl7
import trustme
from fhir.resources.R4B.diagnosticreport import DiagnosticReport
from fhir.resources.R4B.observation import Observation
from pydicom import dcmread

from allclient.contract import Label
from allclient.errors import ConfigurationError
from allclient.pacs import config as configuration
from allclient.pacs import exporter, fhir, letters, mllp, oru, trial
from allclient.pacs.config import Config, Hl7
from allclient.pacs.exporter import Exporter
from allclient.pacs.inbox import Inbox
from allclient.pacs.mllp import Mllp
from allclient.pacs.sender import NotSentError
from allclient.pacs.signing import Signature, sign
from allclient.pacs.uids import key_of
from allclient.pacs.verdict import NUMBERS, Verdict, verdict_of
from tests.unit.client.kserve import KServe
from tests.unit.dicom.objects import ACCESSION, PATIENT, PATIENT_ID, jpeg_object, root
from tests.unit.pacs.archive import Archive
from tests.unit.pacs.hospital import Fhir, Lis, taken
from tests.unit.pacs.steps import Steps

ACCEPTED = Signature("accepted", "Doe^Jane^^Dr^MD", "Lab", comment="line 1\nline 2")
CORRECTED = Signature("corrected", "Doe^Jane", "Lab", Label.BENIGN)
REJECTED = Signature("rejected", "Doe^Jane", "Lab")
SETTINGS = Hl7(host="127.0.0.1", port=1, tls=False, application="LIS", facility="HOSPITAL")


@pytest.fixture
def lis() -> Iterator[Lis]:
    with closing(Lis()) as running:
        yield running


@pytest.fixture
def server() -> Iterator[Fhir]:
    with closing(Fhir()) as running:
        yield running


@pytest.fixture
def both(
    settings: dict[str, Any],
    inbox: Inbox,
    archive: Archive,
    triton: KServe,
    lis: Lis,
    server: Fhir,
    tmp_path: Path,
) -> Iterator[Steps]:
    """The steps with an archive, an HL7 receiver and a FHIR server."""
    (tmp_path / "token.txt").write_text("secret-token\n")
    settings["peer"][1]["port"] = archive.port
    settings["hl7"] = {"host": "127.0.0.1", "port": lis.port}
    settings["fhir"] = {
        "url": server.url + "/",
        "token_file": "token.txt",
        "patient_system": "urn:oid:1.2.3",
    }
    made = Steps(configuration.parse(settings, tmp_path), inbox, triton)
    yield made
    made.client.close()


def report(steps: Steps, *objects: Any) -> str:
    """Report these objects; the key of the newest report."""
    steps.keep(*objects)
    steps.run()
    rows = steps.inbox.database.rows("SELECT uid FROM reports ORDER BY rowid")
    return key_of(rows[-1]["uid"])


def put(steps: Steps, key: str, signature: Signature) -> str:
    uid = sign(steps.config, steps.inbox, key, signature)
    steps.make_due()
    return uid


def verdict(steps: Steps, signature: Signature, *, amends: bool = False, **header: Any) -> Verdict:
    uid = put(steps, report(steps, jpeg_object(1, **header)), signature)
    return verdict_of(dcmread(steps.inbox.result_path(uid)), amends=amends)


def values(message: hl7.Message) -> dict[str, tuple[str, str]]:
    """OBX-5 and OBX-11 of each observation by the code in OBX-3."""
    return {
        str(obx(3)(1)(1)): (str(obx(5)).partition("^")[0], str(obx(11)))
        for obx in message.segments("OBX")
    }


def test_a_signed_result_goes_to_both_once(both: Steps, lis: Lis, server: Fhir) -> None:
    key = report(both, jpeg_object(1, instance=1), jpeg_object(1, instance=2))
    assert (lis.messages, server.bundles) == ([], [])  # nobody has signed
    put(both, key, ACCEPTED)
    both.run()
    both.run()
    assert (len(lis.messages), len(server.bundles)) == (1, 1)
    assert server.tokens == ["Bearer secret-token"]
    assert set(both.counts) == {("objects", "read"), ("reports", "built"), ("exports", "sent")}


def test_the_message_has_patient_order_and_counts(both: Steps, lis: Lis) -> None:
    put(both, report(both, *(jpeg_object(1, instance=n) for n in range(1, 7))), ACCEPTED)
    both.run()
    (message,) = lis.messages
    header, patient, request = (message.segment(name) for name in ("MSH", "PID", "OBR"))
    assert str(header(9)) == "ORU^R01^ORU_R01"
    assert [str(header(n)) for n in (2, 3, 5, 6, 11, 12, 18)] == [
        "^~\\&",
        "ALLCLIENT",
        "LIS",
        "HOSPITAL",
        "P",
        "2.5.1",
        "UNICODE UTF-8",
    ]
    assert [str(patient(n)) for n in (3, 5, 7, 8)] == [PATIENT_ID, PATIENT, "19700203", "F"]
    assert [str(request(n)) for n in (7, 18, 24, 25)] == ["20261101101500", ACCESSION, "HM", "F"]
    comment, notice = (str(note(3)) for note in message.segments("NTE"))
    assert comment == "line 1\\.br\\line 2"
    assert "Not a medical device" in notice
    said = values(message)
    assert said["ASSESSMENT"] == ("ACCEPTED", "F")
    assert said["CASE_LABEL"][1] == "F"
    assert said["FIELDS_READ"] == ("6", "F")
    assert said["LEUKOCYTES"] == ("12", "F")
    assert float(said["SHARE_LOW"][0]) <= float(said["MALIGNANT_SHARE"][0]) <= 1
    # HL7 has the suffix before the prefix, DICOM after it.
    assert str(message.segment("OBX")(16)) == "^Doe^Jane^^MD^Dr"
    assert {str(obx(2)) for obx in message.segments("OBX")} == {"CWE", "NM"}


@pytest.mark.parametrize(("signature", "label"), [(CORRECTED, "30807003"), (REJECTED, "")])
def test_counts_that_nobody_stands_for_are_withheld(
    both: Steps, signature: Signature, label: str
) -> None:
    made = verdict(both, signature)
    said = values(hl7.parse(oru.message(made, SETTINGS, "ALLCLIENT")))
    assert said["CASE_LABEL"] == (label, "F" if label else "X")
    assert [said[code.value] for code in NUMBERS] == [("", "X")] * len(NUMBERS)
    bundle = fhir.bundle(made, "ALLCLIENT", None)
    observed = {entry["resource"]["code"]["coding"][0]["code"]: entry for entry in bundle["entry"]}
    for code in NUMBERS:
        resource = observed[code.value]["resource"]
        assert resource["status"] == "cancelled"
        assert "valueQuantity" not in resource
        assert "dataAbsentReason" in resource
    assert ("conclusionCode" in bundle["entry"][0]["resource"]) == bool(label)


def test_the_bundle_is_a_report_with_its_observations(both: Steps, server: Fhir) -> None:
    put(both, report(both, *(jpeg_object(1, instance=n) for n in range(1, 7))), ACCEPTED)
    both.run()
    (bundle,) = server.bundles
    first, *others = bundle["entry"]
    made = DiagnosticReport.model_validate(first["resource"])
    observations = [Observation.model_validate(entry["resource"]) for entry in others]
    assert made.status == "final"
    assert made.subject.identifier.value == PATIENT_ID
    assert made.subject.identifier.system == "urn:oid:1.2.3"
    assert made.basedOn[0].identifier.value == ACCESSION
    assert str(made.effectiveDateTime) == "2026-11-01"
    assert made.performer[0].display == "Lab"
    assert "Not a medical device" in made.conclusion
    assert [item.reference for item in made.result] == [entry["fullUrl"] for entry in others]
    by_code = {item.code.coding[0].code: item for item in observations}
    assert by_code["ASSESSMENT"].valueCodeableConcept.coding[0].code == "ACCEPTED"
    assert by_code["FIELDS_READ"].valueQuantity.value == 6
    assert by_code["FIELDS_READ"].valueQuantity.code == "1"
    assert len({entry["fullUrl"] for entry in bundle["entry"]}) == len(bundle["entry"])
    for entry in bundle["entry"]:
        (identifier,) = entry["resource"]["identifier"]
        kind = entry["resource"]["resourceType"]
        query = f"{kind}?identifier={identifier['system']}|{identifier['value']}"
        assert entry["request"] == {"method": "PUT", "url": query}


def test_a_later_result_replaces_the_first(both: Steps, lis: Lis, server: Fhir) -> None:
    put(both, report(both, jpeg_object(1, instance=1)), ACCEPTED)
    both.run()
    put(both, report(both, jpeg_object(2, instance=2)), REJECTED)
    both.run()
    first, second = lis.messages
    assert [str(message.segment("OBR")(25)) for message in (first, second)] == ["F", "C"]
    assert str(first.segment("OBR")(3)) == str(second.segment("OBR")(3))
    assert str(first.segment("MSH")(10)) != str(second.segment("MSH")(10))
    assert values(first).keys() == values(second).keys()
    before, after = server.bundles
    assert [made["entry"][0]["resource"]["status"] for made in (before, after)] == [
        "final",
        "amended",
    ]
    assert [entry["request"] for entry in before["entry"]] == [
        entry["request"] for entry in after["entry"]
    ]


def test_a_result_that_was_overtaken_is_not_sent(both: Steps, lis: Lis) -> None:
    """It waited while the receiver was away; sent now, it would replace the later one."""
    lis.answer = lambda _: None
    first = put(both, report(both, jpeg_object(1, instance=1)), ACCEPTED)
    both.exporter.run()
    assert len(lis.messages) == 1
    second = put(both, report(both, jpeg_object(2, instance=2)), CORRECTED)
    lis.messages.clear()
    lis.answer = lambda message: str(message.create_ack())
    both.make_due()
    both.exporter.run()
    (message,) = lis.messages
    assert str(message.segment("MSH")(10)) == oru.control_id(second)
    assert str(message.segment("OBR")(25)) == "C"  # the first try may have arrived
    rows = both.inbox.database.rows("SELECT state FROM exports WHERE target = 'hl7'")
    assert [row["state"] for row in rows] == ["replaced", "sent"]
    assert first != second


def test_a_second_signature_counts(both: Steps) -> None:
    first = put(both, report(both, jpeg_object(1)), ACCEPTED)
    second = put(both, key_of(first), CORRECTED)
    made = verdict_of(dcmread(both.inbox.result_path(second)), amends=True)
    assert made.findings[0].value is not None
    assert made.findings[0].value.value == "CORRECTED"  # type: ignore[union-attr]


def acknowledged(message: hl7.Message, code: str) -> str:
    return str(message.create_ack(code))


ANSWERS: list[tuple[Callable[[hl7.Message], str | None], str]] = [
    (lambda m: acknowledged(m, "AE") + f"ERR|||207|E||||{PATIENT}\r", "answered AE"),
    (lambda m: acknowledged(m, "AR"), "answered AR"),
    (lambda m: acknowledged(m, "CA"), "answered CA"),
    (lambda m: acknowledged(m, PATIENT_ID), "answered something else"),
    (lambda m: str(m.create_ack()).replace(str(m.segment("MSH")(10)), "1"), "another message"),
    (lambda m: "MSH|^~\\&|LIS\r", "no acknowledgement"),
    (lambda m: PATIENT, "not an HL7 message"),
    (lambda m: "", "not an HL7 message"),
    (lambda m: "MSH|^~\\&|" + "x" * 200_000, "not an HL7 message"),
    (lambda m: None, "ended without an acknowledgement"),
]


def test_anything_but_aa_is_tried_again_and_names_nobody(
    both: Steps, lis: Lis, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    put(both, report(both, jpeg_object(1)), ACCEPTED)
    for tries, (answer, said) in enumerate(ANSWERS, 1):
        caplog.clear()
        lis.answer = answer
        both.make_due()
        both.exporter.run()
        (row,) = both.inbox.database.rows("SELECT * FROM exports WHERE target = 'hl7'")
        assert (row["state"], row["tries"]) == ("waiting", tries)
        assert said in row["reason"]
        named(caplog.text + row["reason"])
    lis.answer = lambda message: str(message.create_ack())
    both.make_due()
    both.exporter.run()
    assert both.inbox.database.rows("SELECT 1 FROM exports WHERE state = 'waiting'") == []
    assert len(lis.messages) == len(ANSWERS) + 1
    assert len({str(message.segment("MSH")(10)) for message in lis.messages}) == 1


def named(text: str) -> None:
    """Check that nothing of the patient, the signer or the token is in ``text``."""
    assert text
    for secret in (PATIENT, PATIENT_ID, ACCESSION, "19700203", "Doe", "secret-token"):
        assert secret not in text


REFUSALS: list[tuple[int, Any, str]] = [
    (500, {"issue": [{"diagnostics": PATIENT}]}, "answered 500"),
    (412, {"issue": [{"diagnostics": PATIENT}]}, "answered 412"),
    (302, {}, "answered 302"),
    (200, [PATIENT], "answered 200"),
    (200, {"resourceType": "Bundle"}, "every resource"),
    (200, {"entry": [{"response": {"status": "201"}}]}, "every resource"),
    (200, {"entry": [{"response": {"status": "400 " + PATIENT}}] * 12}, "every resource"),
]


def test_a_server_that_does_not_take_all_is_tried_again(
    both: Steps, server: Fhir, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    put(both, report(both, jpeg_object(1)), ACCEPTED)
    for tries, (status, content, said) in enumerate(REFUSALS, 1):
        caplog.clear()
        server.answer = lambda _, answer=(status, content): answer  # type: ignore[misc]
        both.make_due()
        both.exporter.run()
        (row,) = both.inbox.database.rows("SELECT * FROM exports WHERE target = 'fhir'")
        assert (row["state"], row["tries"]) == ("waiting", tries)
        assert said in row["reason"]
        named(caplog.text + row["reason"])
    server.answer = taken
    both.make_due()
    both.exporter.run()
    assert both.inbox.database.rows("SELECT 1 FROM exports WHERE state = 'waiting'") == []


def test_what_fails_too_often_is_a_dead_letter(
    both: Steps, lis: Lis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "MAX_TRIES", 2)
    put(both, report(both, jpeg_object(1)), ACCEPTED)
    lis.answer = lambda message: acknowledged(message, "AR")
    for _ in range(2):
        both.make_due()
        both.exporter.run()
    (letter,) = letters.letters(both.inbox.database)
    assert (letter.state, letter.who) == ("dead", "report to hl7")
    lis.answer = lambda message: str(message.create_ack())
    assert letters.retry(both.inbox.database, ()) == 1
    both.exporter.run()
    assert letters.letters(both.inbox.database) == []


def test_a_receiver_that_says_nothing_or_is_away(
    both: Steps, lis: Lis, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = verdict(both, ACCEPTED)
    monkeypatch.setattr(mllp, "_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(NotSentError, match="no answer within"):
            Mllp(with_hl7(both.config, port=port)).send(made)
    with pytest.raises(NotSentError, match="no connection"):
        Mllp(with_hl7(both.config, port=port)).send(made)


def with_hl7(config: Config, **changed: Any) -> Config:
    assert config.hl7 is not None
    return dataclasses.replace(config, hl7=dataclasses.replace(config.hl7, **changed))


def test_one_that_fails_costs_one_try_and_holds_none_back(both: Steps, lis: Lis) -> None:
    uids = [put(both, report(both, jpeg_object(1, study=study)), ACCEPTED) for study in (1, 2, 3)]
    first = oru.control_id(uids[0])
    lis.answer = lambda message: (
        None if str(message.segment("MSH")(10)) == first else str(message.create_ack())
    )
    with both.inbox.database.transaction() as connection:
        connection.execute("UPDATE exports SET state = 'waiting' WHERE target = 'hl7'")
    lis.messages.clear()
    both.exporter.run()
    assert [str(message.segment("MSH")(10)) for message in lis.messages] == [first]
    both.exporter.run()
    sent = [str(message.segment("MSH")(10)) for message in lis.messages]
    assert sent == [oru.control_id(uid) for uid in uids]


def test_hostile_and_foreign_text_stays_in_its_field(both: Steps) -> None:
    made = verdict(both, ACCEPTED)
    header = copy.deepcopy(made.header)
    header.SpecificCharacterSet = "ISO_IR 192"
    header.PatientName = "Müller|&^Ω~^^^=山田"
    header["PatientID"].value = "1\x1c\r\x0bOBX|9"
    header["AccessionNumber"].value = ["7", "8"]
    made = dataclasses.replace(made, header=header)
    text = oru.message(made, SETTINGS, "ALLCLIENT")
    assert not set(text) & {"\x1c", "\x0b", "\n"}
    message = hl7.parse(text)
    assert len(message.segments("OBX")) == len(made.findings)
    assert str(message.segment("PID")(3)) == "1 \\.br\\ OBX\\F\\9"
    assert str(message.segment("OBR")(18)) == "7\\E\\8"
    assert str(message.segment("PID")(5)) == "Müller\\F\\\\T\\^Ω\\R\\"


def test_tls_shows_a_certificate_and_asks_for_one(
    both: Steps, settings: dict[str, Any], tmp_path: Path
) -> None:
    made = verdict(both, ACCEPTED)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    node = authority.issue_cert("node.example")
    node.cert_chain_pems[0].write_to_path(tmp_path / "node.pem")
    node.private_key_pem.write_to_path(tmp_path / "node.key")
    settings["node"]["tls"] = {"cert": "node.pem", "key": "node.key", "ca": "ca.pem"}
    settings["hl7"]["tls"] = True
    for signer in (authority, trustme.CA()):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.verify_mode = ssl.CERT_REQUIRED
        authority.configure_trust(context)
        signer.issue_cert("127.0.0.1").configure_cert(context)
        with closing(Lis(context)) as secure:
            settings["hl7"]["port"] = secure.port
            sender = Mllp(configuration.parse(settings, tmp_path))
            if signer is authority:
                sender.send(made)
            else:
                with pytest.raises(NotSentError, match="no connection"):
                    sender.send(made)
            assert len(secure.messages) == (signer is authority)


def test_without_their_tables_nothing_is_queued(steps: Steps) -> None:
    put(steps, report(steps, jpeg_object(1)), ACCEPTED)
    steps.run()
    rows = steps.inbox.database.rows("SELECT DISTINCT target FROM exports")
    assert [row["target"] for row in rows] == ["peer"]


def test_what_was_queued_for_a_target_that_is_gone_waits(both: Steps, config: Config) -> None:
    put(both, report(both, jpeg_object(1)), ACCEPTED)
    without = dataclasses.replace(both.config, hl7=None, fhir=None)
    Exporter(without, both.inbox).run()
    assert both.counts["exports", "waiting"] == 2


def test_the_trial_tries_both(both: Steps, server: Fhir) -> None:
    said = {tried.what: tried for tried in trial.trials(both.config)}
    assert said["HL7"].works
    assert said["FHIR"].works
    assert "4.0.1" in said["FHIR"].said
    server.version = "5.0.0"
    away = with_hl7(both.config, port=1)
    said = {tried.what: tried for tried in trial.trials(away)}
    assert not said["HL7"].works
    assert "'5.0.0', not R4" in said["FHIR"].said


@pytest.mark.parametrize(
    ("table", "content", "said"),
    [
        ("hl7", {"port": 2575}, "hl7.host is missing"),
        ("hl7", {"host": "lis", "tls": True}, "certificate of"),
        ("hl7", {"host": "lis", "aplication": "x"}, "no setting hl7.aplication"),
        ("fhir", {"patient_system": "urn:oid:1.2"}, "fhir.url is missing"),
        ("fhir", {"url": "fhir.example"}, "begins with no http"),
        ("fhir", {"url": "http://a", "token_file": "none"}, "there is no file"),
    ],
)
def test_what_cannot_work_is_named(
    settings: dict[str, Any], tmp_path: Path, table: str, content: Any, said: str
) -> None:
    settings[table] = content
    with pytest.raises(ConfigurationError, match=said):
        configuration.parse(settings, tmp_path)


def test_every_private_concept_has_a_system(both: Steps) -> None:
    made = verdict(both, ACCEPTED)
    assert str(made.header.StudyInstanceUID) == root(1)
    for entry in fhir.bundle(made, "ALLCLIENT", None)["entry"]:
        for coding in entry["resource"]["code"]["coding"]:
            assert coding["system"] in fhir.SYSTEMS.values()
