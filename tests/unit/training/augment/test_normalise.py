from __future__ import annotations

import numpy as np
import pytest

from training.augment import normalise, stain


def spread(fields: list[np.ndarray]) -> float:
    """How far apart the colours of fields are: mean deviation of their palettes' densities."""
    return float(np.std([np.stack(stain.palette(field)) for field in fields], axis=0).mean())


@pytest.mark.parametrize("method", ["macenko", "reinhard"])
def test_stains_come_closer_and_structures_stay(smears: dict[str, np.ndarray], method: str) -> None:
    fields = list(smears.values())
    change = normalise.fit(method, fields)
    seen = [change(field) for field in fields]
    assert spread(seen) < 0.8 * spread(fields)
    for before, after in zip(fields, seen, strict=True):
        assert after.dtype == np.uint8
        assert (after[188:, 188:] == 128).all()
        assert np.corrcoef(before[..., 1].ravel(), after[..., 1].ravel())[0, 1] > 0.9
    np.testing.assert_array_equal(seen[0], normalise.fit(method, fields)(fields[0]))


@pytest.mark.parametrize("method", ["macenko", "reinhard"])
@pytest.mark.parametrize("dirt", [0, 5])
@pytest.mark.parametrize("light", [(235, 230, 210), (90, 100, 90)])
def test_fields_with_hardly_any_stain_get_the_light_alone(
    smears: dict[str, np.ndarray], method: str, dirt: int, light: tuple[int, int, int]
) -> None:
    """An empty part of the slide, clean or with a grain of dirt, stays an empty part."""
    field = np.full((224, 224, 3), light, np.uint8)
    field[100 : 100 + dirt, 100 : 100 + dirt] = np.array(light) // 3
    change = normalise.fit(method, list(smears.values()))
    seen = change(field).astype(int)
    wanted = 256 * np.exp(-change.background) - 1
    assert abs(seen[:90] - wanted).max() <= 2
    assert (seen[100 : 100 + dirt, 100 : 100 + dirt] < 130).all()


@pytest.mark.parametrize("method", ["macenko", "reinhard"])
@pytest.mark.parametrize("level", [0, 255])
def test_black_and_white_fields_pass(
    smears: dict[str, np.ndarray], method: str, level: int
) -> None:
    seen = normalise.fit(method, list(smears.values()))(np.full((224, 224, 3), level, np.uint8))
    assert np.ptp(seen[:180].reshape(-1, 3), axis=0).max() == 0


def test_one_stain_alone_is_not_split_in_two(smears: dict[str, np.ndarray]) -> None:
    """Cells of a single colour: the second direction would be noise."""
    rng = np.random.default_rng(0)
    amount = np.kron(rng.uniform(0, 1, (28, 28)) > 0.7, np.ones((8, 8)))
    field = np.rint(250 * np.exp(-amount[..., None] * [0.4, 0.6, 0.1])).astype(np.uint8)
    seen = normalise.fit("macenko", list(smears.values()))(field)
    assert len(np.unique(seen.reshape(-1, 3), axis=0)) <= 4


def test_none_gives_a_copy(noise: np.ndarray) -> None:
    seen = normalise.fit("none", [])(noise)
    np.testing.assert_array_equal(seen, noise)
    assert not np.shares_memory(seen, noise)


def test_wrong_methods_and_references_are_refused(noise: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"'vahadane' is no stain.*none, macenko, reinhard"):
        normalise.fit("vahadane", [noise])
    noise[:] = 240
    for method in ("macenko", "reinhard"):
        with pytest.raises(ValueError, match="choose fields with more cells"):
            normalise.fit(method, [noise])
    with pytest.raises(ValueError, match="a field must be"):
        normalise.fit("macenko", [noise[:100]])
