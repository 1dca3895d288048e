"""Several cells are read together, and how much they vary tells what their mean does not."""

from __future__ import annotations

import numpy as np
import pytest

from training.laboratories import protocols, several, show, study
from training.laboratories.table import Cells

from .conftest import cells, picture


def test_fields_stand_alone_and_single_cells_are_put_together_by_subject() -> None:
    table = cells([picture("fields", n == 0, f"s{n}") for n in range(3)], each=6)
    singles = [picture("singles", n < 30, f"p{n // 15}", n) for n in range(60)]
    sparse = [picture("sparse", False, f"own{n}", n) for n in range(25)]
    table = Cells(
        [*table.pictures, *singles, *sparse],
        cells([*table.pictures, *singles, *sparse], each=6).crops,
    )
    keep = np.concatenate([np.arange(18), np.arange(18, len(table), 6)])
    crops = type(table.crops)(
        **{name: getattr(table.crops, name)[keep] for name in table.crops.__dataclass_fields__}
    )
    crops.shape[0, 4] = crops.shape[1, 4] = 1  # two of six touch the border: too few are left
    table = Cells(table.pictures, crops)
    found = several.gathered(table)
    sizes = {name: [] for name in ("fields", "singles", "sparse")}
    for rows, source in zip(found.members, found.source, strict=True):
        sizes[source].append(len(rows))
        assert len(set(table.malignant[rows])) == 1
        if source == "singles":
            assert len(set(table.group[rows])) == 1
    assert sizes == {"fields": [6, 6], "singles": [10] * 4, "sparse": [10, 10]}


@pytest.fixture
def table() -> Cells:
    pictures = [
        picture(laboratory, malignant, f"{laboratory}{malignant}{n}", n)
        for laboratory in ("one", "two", "three")
        for malignant in (False, True)
        for n in range(12)
    ]
    pictures += [picture("lisc", False, f"h{n}", n, evaluate_only=True) for n in range(6)]
    return cells(pictures, each=8)


def test_variety_travels_where_means_are_the_stain(table: Cells) -> None:
    """Each field has a stain of its own, and the cells of malignant ones are alike."""
    rng = np.random.default_rng(0)
    stain = rng.normal(0, 5, len(table.pictures))[table.crops.of]
    vary = np.where(table.malignant == 1, 0.3, 1.5)
    texture = (stain + vary * rng.normal(size=len(table)))[:, None]
    noise = rng.normal(size=(len(table), 4))
    columns = {"size": noise[:, :1], "shape": noise, "texture": texture}
    found = study.together(table, columns)
    for laboratory in ("one", "two", "three"):
        auroc = {
            title: found[title]["laboratories"][laboratory]["auroc"]["value"] for title in found
        }
        assert auroc["variety of texture"] > 0.95
        assert 0.1 < auroc["texture"] < 0.9
    assert found["variety of texture"]["laboratories"]["lisc"]["called_malignant"]["value"] < 0.2
    assert set(found["size"]["doubt"]["0.05"]) == {"one", "two", "three", "lisc"}
    rows = show.together_rows({"evaluated": {"together": found}})
    assert len(rows) == 5 * len(several.IDEAS)
    assert all(len(row) == len(show.HEAD) for row in rows)


def test_what_is_left_out_teaches_nothing(table: Cells) -> None:
    rng = np.random.default_rng(1)
    columns = {
        name: rng.normal(size=(len(table), 2)) + table.malignant[:, None]
        for name in ("size", "shape", "texture")
    }
    units = several.gathered(table)
    (fold,) = [each for each in protocols.folds(table, "laboratories") if each.name == "one"]
    before = several.answers(units, units.described(columns), fold)
    unseen = ~fold.train
    changed = {name: np.where(unseen[:, None], 99.0, each) for name, each in columns.items()}
    after = several.answers(units, units.described(changed), fold)
    seen = np.isin(units.laboratory, ("two", "three"))
    for title in before:
        np.testing.assert_allclose(before[title][seen], after[title][seen])
