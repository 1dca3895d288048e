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
from allclient.watch.drift import OTHER, UNKNOWN, bounded
from allclient.web import drift
from allclient.web.program import Program
from tests.unit.web.conftest import Visitor

Visit = Callable[..., Visitor]


@pytest.fixture
def admin(visit: Visit) -> Visitor:
    return visit("Ada", Role.ADMIN)


def fill(page: Program, answers: int, score: float, site: str | None = None) -> None:
    """Answers of which all are alike, as rows."""
    with page.store.write() as session:
        case = Case(name="case", created_by="scanner")
        session.add(case)
        session.flush()
        for number in range(answers):
            digest = f"{case.id:032d}{number:032d}"
            session.add(File(digest=digest, size=1, media_type="image/png"))
            field = Field(
                case_id=case.id,
                digest=digest,
                name="field",
                state=FieldState.ANSWERED.value,
                created_by="scanner",
                site=site,
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


def test_sites_are_told_apart(page: Program, admin: Visitor) -> None:
    fill(page, 120, score=9.0, site="Klinik Nord")
    fill(page, 130, score=0.1, site="Labor & Süd")
    fill(page, 5, score=0.1)
    text = admin.get("/drift").text
    assert "The 255 answers" in text
    assert '/drift?days=7&amp;site=Labor%20%26%20S%C3%BCd">Labor &amp; Süd</a>' in text
    assert 'site=">not said</a>' in text
    one = admin.get("/drift", params={"site": "Klinik Nord"}).text
    assert "The 120 answers of the last 7 days from Klinik Nord" in one
    assert "Labor &amp; Süd" in one  # the others stay at hand
    saved = admin.get("/drift/profile.json", params={"site": "Labor & Süd"}).text
    assert Profile.loads(saved).answers == 130
    lines = admin.get("/metrics").text.splitlines()
    told = dict(line.rsplit(" ", 1) for line in lines if line.startswith("allclient_drift_site"))
    north = 'allclient_drift_site{quantity="ood_score",site="Klinik Nord"}'
    assert float(told[north]) > 0.25
    behind = 'allclient_drift_site_answers{{quantity="review",site="{}"}}'
    assert float(told[behind.format("Labor & Süd")]) == 130
    assert float(told[behind.format("unknown")]) == 5


def test_sites_beyond_the_first_twenty_are_one(page: Program) -> None:
    def of(answers: int) -> Profile:
        profile = reference().like()
        for _ in range(answers):
            profile.add(Subtype.BENIGN, review=False, ood_score=0.1)
        return profile

    sites = {f"site {number}": of(number) for number in range(1, 31)}
    shown = bounded(sites | {OTHER: of(40), "": of(50)})
    assert len(shown) == 20
    assert list(shown)[:2] == [UNKNOWN, OTHER]
    assert shown[OTHER].answers == 40 + sum(range(1, 13))
    assert sum(one.answers for one in shown.values()) == 90 + sum(range(1, 31))


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
