"""Large images come out as they would by the slow way, at a bounded cost."""

from __future__ import annotations

import functools
import io

import numpy as np
import pixels
import pytest
import smear_file
from PIL import Image

from samples import field


def slowly(data: bytes) -> np.ndarray:
    """Full decode, then one Lanczos pass over all of it."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    whole = np.asarray(image.resize((224, 224), Image.Resampling.LANCZOS)).copy()
    whole[188:, 188:] = 128
    return whole


@functools.cache
def large() -> Image.Image:
    rng = np.random.default_rng(7)
    return field.draw(rng, kind="blasts", stain="purple", height=1900, width=1793)


def smear(height: int, width: int) -> Image.Image:
    return large().crop((0, 0, width, height))


def encode(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


SIZES = [(300, 400), (671, 895), (1345, 1793), (1900, 675), (60, 80)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_the_quick_way_agrees_with_the_slow_way(size: tuple[int, int], format: str) -> None:
    data = encode(smear(*size), format)
    apart = np.abs(pixels.rgb(data).astype(int) - slowly(data))
    print(f"{format} {size}: mean {apart.mean():.3f}, max {apart.max()}")
    assert apart.mean() < 0.3
    assert apart.max() <= 4


def test_a_large_jpeg_is_decoded_at_a_part_of_its_size() -> None:
    data = encode(smear(1400, 1793), "JPEG")
    page = smear_file.read(data, "JPEG", side=3 * 224)
    assert page.image.size == (897, 700)
    assert page.extent == (896.5, 700)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "CMYK", "I;16", "1", "P"])
def test_strips_leave_no_seam(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image = smear(700, 1400)
    if mode == "I;16":
        grey = np.asarray(image.convert("L")).astype(np.uint16) * 257
        data = encode(Image.fromarray(grey), "TIFF")
    else:
        data = encode(image.convert(mode), "TIFF")
    whole = pixels.rgb(data)
    monkeypatch.setattr("smear_squash.STRIP_BYTES", 100_000)
    np.testing.assert_array_equal(pixels.rgb(data), whole)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (3, 2)])
def test_odd_shapes(size: tuple[int, int]) -> None:
    data = encode(Image.new("RGB", size, (200, 100, 50)), "PNG")
    assert (pixels.rgb(data)[:188] == (200, 100, 50)).all()


def test_no_fine_pattern_turns_into_a_coarse_one() -> None:
    """Every second column black: a decoder that skips pixels would show stripes."""
    stripes = np.zeros((900, 1357, 3), np.uint8)
    stripes[:, ::2] = 255
    colours = pixels.rgb(encode(Image.fromarray(stripes), "PNG"))[:188]
    assert colours.astype(int).std() < 3
    assert colours.mean() == pytest.approx(127.5, abs=2)
