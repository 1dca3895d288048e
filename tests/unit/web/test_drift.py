"""The drift page, and what Prometheus gets of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click.testing
import pytest

from allclient.cli.group import cli
from allclient.contract import Subtype
from allclient.drift import Profile, reference
from allclient.store.schema import Answer, Case, Field, File
from allclient.store.words import FieldState, Role
from allclient.web import drift
from allclient.web.program import Program
from tests.unit.web.conftest import Visitor

Visit = Callable[..., Visitor]


@pytest.fixture
def admin(visit: Visit) -> Visitor:
    return visit("Ada", Role.ADMIN)


def fill(page: Program, answers: int, score: float) -> None:
    """Answers of which all are alike, as rows."""
    with page.store.write() as session:
        case = Case(name="case", created_by="scanner")
        session.add_all([case, File(digest="0" * 64, size=1, media_type="image/png")])
        session.flush()
        for number in range(answers):
            digest = f"{number + 1:064d}"
            session.add(File(digest=digest, size=1, media_type="image/png"))
            field = Field(
                case_id=case.id,
                digest=digest,
                name="field",
                state=FieldState.ANSWERED.value,
                created_by="scanner",
            )
            session.add(field)
            session.flush()
            session.add(
                Answer(
                    field_id=field.id,
                    model_version="1",
                    label="malignant",
                    subtype=Subtype.PRE_B.value,
                    probability=0.9,
                    probabilities={},
                    backbone_probabilities={},
                    votes={},
                    review=["disagreement"],
                    ood_score=score,
                    heatmap=[],
                )
            )


def test_the_page_is_for_admins_and_names_what_moved(
    page: Program, admin: Visitor, anna: Visitor
) -> None:
    assert "No field was answered in these days" in admin.get("/drift").text
    fill(page, 120, score=9.0)
    text = admin.get("/drift").text
    assert "The 120 answers of the last 7 days" in text
    assert text.count('badge warn">moved') >= 3
    assert "scanner" in text
    assert "too few answers" in text  # no cells
    assert admin.get("/drift?days=0").status_code == 422
    assert anna.get("/drift").status_code == 403


def test_answers_are_saved_as_a_reference_that_they_do_not_move_from(
    page: Program, admin: Visitor
) -> None:
    fill(page, 150, score=0.1)
    saved = Profile.loads(admin.get("/drift/profile.json?days=30").text)
    assert saved.answers == 150
    again = drift.view(page.store, saved, 30)
    assert [one.index for one in again.drifts] == [0, 0, 0, 0]
    assert saved.edges == reference().edges


def test_prometheus_gets_the_index_and_no_names(page: Program, anna: Visitor) -> None:
    fill(page, 120, score=9.0)
    text = anna.get("/metrics").text
    numbers = dict(
        line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("allclient_drift")
    )
    assert float(numbers['allclient_drift{quantity="ood_score"}']) > 0.25
    assert float(numbers['allclient_drift_answers{quantity="review"}']) == 120
    assert float(numbers['allclient_drift_answers{quantity="cell_size"}']) == 0
    assert "scanner" not in text


def test_the_store_is_not_counted_at_every_scrape(
    page: Program, anna: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = []
    view: Callable[..., drift.View] = drift.view
    monkeypatch.setattr(drift, "view", lambda *a: counted.append(1) or view(*a))
    for _ in range(3):
        anna.get("/metrics")
    assert len(counted) == 1


def test_a_file_that_is_no_reference_is_named(tmp_path: Path) -> None:
    file = tmp_path / "reference.json"
    file.write_text("{}")
    done = click.testing.CliRunner().invoke(
        cli, ["web", "--no-server", "--data", str(tmp_path), "--drift-reference", str(file)]
    )
    assert done.exit_code != 0
    assert "reference.json" in str(done.exception or done.output)
