from __future__ import annotations

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from allclient.contract import Subtype
from training.data import dividing, listing, samples
from training.data.layouts import find
from training.data.patients import identified
from training.data.relatives.search import Relatives, search
from training.data.sample import DatasetError, Sample

ROOT = Path("root")


def made(*units: tuple[str, int, Subtype], key: str = "group") -> Relatives:
    """Images by unit: name, how many, class."""
    found = [
        Sample(ROOT / name / f"{index}.jpg", subtype, **{key: name})
        for name, count, subtype in units
        for index in range(count)
    ]
    return Relatives(found, [f"{number:064}" for number in range(len(found))])


MANY = [
    (f"{subtype.value}-{number}", 1 + number % 7, subtype)
    for subtype in (Subtype.BENIGN, Subtype.PRO_B)
    for number in range(60)
]


def test_units_stay_whole_and_classes_keep_their_shares() -> None:
    rows = pd.DataFrame(dividing.rows(ROOT, made(*MANY), "group", 0))
    assert (rows.groupby("group")["split"].nunique() == 1).all()
    assert set(rows["level"]) == {"group"}
    for _, part in rows.groupby("class"):
        shares = part["split"].value_counts(normalize=True)
        for name, share in dividing.SHARES.items():
            assert shares[name] == pytest.approx(share, abs=0.01)


def test_the_seed_decides() -> None:
    one, two, other = (dividing.rows(ROOT, made(*MANY), "group", seed) for seed in (1, 1, 2))
    assert one == two
    assert one != other


def test_few_units_still_reach_every_part() -> None:
    relatives = made(
        *((f"{s.value}-{n}", 100, s) for s in (Subtype.BENIGN, Subtype.PRO_B) for n in range(3)),
        key="patient",
    )
    rows = pd.DataFrame(dividing.rows(ROOT, relatives, "patient", 0))
    assert (rows.groupby(["class", "split"]).size() == 100).all()
    assert (rows.groupby("patient")["split"].nunique() == 1).all()


def test_relatives_of_two_patients_stay_together() -> None:
    found = made(*((f"p{n}", 4, Subtype.BENIGN) for n in range(6)), key="patient")
    found.samples.extend(
        made(*((f"q{n}", 4, Subtype.PRO_B) for n in range(4)), key="patient").samples
    )
    found.sha256.extend(f"{number:064}" for number in range(24, 40))
    found.equal.append((0, 5))  # of p0 and of p1
    rows = dividing.rows(ROOT, found, "patient", 3)
    assert len({row["split"] for row in rows[:8]}) == 1
    (line,) = dividing.oddities(ROOT, found)
    assert line.startswith("same cells, two patients: p0/0.jpg (p0) and p1/1.jpg (p1); 1 such")


def test_training_images_that_perhaps_overlap_held_out_ones_are_under_guard() -> None:
    relatives = made(*MANY)
    parts = [row["split"] for row in dividing.rows(ROOT, relatives, "group", 0)]
    train, test = parts.index("train"), parts.index("test")
    other = len(parts) - 1 - parts[::-1].index("train")
    relatives.unsure.extend([(min(train, test), max(train, test)), (train, other)])
    rows = dividing.rows(ROOT, relatives, "group", 0)
    assert [index for index, row in enumerate(rows) if row["guard"] == "1"] == [train]


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ([("a", 9, Subtype.BENIGN)] * 3, r"one class only \(benign\)"),
        (
            [("a", 9, Subtype.BENIGN), ("b", 2, Subtype.BENIGN)]
            + [(f"q{n}", 4, Subtype.PRO_B) for n in range(5)],
            "benign comes from 2 groups only",
        ),
    ],
)
def test_what_cannot_be_divided_is_said(units: list, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        dividing.rows(ROOT, made(*units), "group", 0)


def test_a_patient_level_split_needs_patients() -> None:
    with pytest.raises(DatasetError, match="cannot be claimed without patient ids"):
        dividing.rows(ROOT, made(*MANY), "patient", 0)


def test_what_is_written_is_read_again(smears: Path) -> None:
    found = search(find(smears).samples)
    listing.write(smears, dividing.rows(smears, found, "group", 0))
    data = samples.read(smears)
    assert data.level == "group"
    assert sum(map(len, data.parts.values())) == 11
    part = {s.path.stem: name for name, held in data.parts.items() for s in held}
    for place in "012":
        assert part[f"{place}-a"] == part[f"{place}-b"]
    with pytest.raises(DatasetError, match="there already"):
        listing.write(smears, [])


def test_only_equal_files_stay_together_at_the_level_of_images(smears: Path) -> None:
    found = search(find(smears).samples, moved=False)
    rows = dividing.rows(smears, found, "image", 0)
    part = {Path(row["path"]).stem: row["split"] for row in rows}
    assert part["2-a"] == part["2-b"]
    assert Counter(row["level"] for row in rows) == {"image": 11}
    assert "group" not in rows[0]


@pytest.fixture
def table(smears: Path, tmp_path: Path) -> Path:
    paths = [s.path.relative_to(smears).as_posix() for s in find(smears).samples]
    written = tmp_path / "patients.csv"
    pd.DataFrame({"path": paths, "patient": [f"p{Path(p).stem[0]}" for p in paths]}).to_csv(
        written, index=False
    )
    return written


def test_patients_come_from_a_table(smears: Path, table: Path) -> None:
    found = identified(find(smears).samples, smears, table)
    assert {s.patient for s in found} == {f"p{number}" for number in range(8)}
    assert [s.path for s in found] == [s.path for s in find(smears).samples]


def test_images_without_a_patient_are_named(smears: Path, table: Path) -> None:
    lines = table.read_text().splitlines()
    table.write_text("\n".join([lines[0], *lines[5:]]).replace("p7", " "))
    with pytest.raises(
        DatasetError, match=r"names no patient for benign/0-a\.jpg, .* and 2 more; a patient-level"
    ):
        identified(find(smears).samples, smears, table)


def test_a_table_that_contradicts_itself_or_lacks_a_column_is_refused(
    smears: Path, table: Path
) -> None:
    with pytest.raises(DatasetError, match="has no column subject; it has path, patient"):
        identified(find(smears).samples, smears, table, "subject")
    with table.open("a") as lines:
        lines.write("benign/0-a.jpg,p9\n")
    with pytest.raises(DatasetError, match=r"two different things of benign/0-a\.jpg"):
        identified(find(smears).samples, smears, table)
