"""Every format and mode that people save smears in comes out as the same picture."""

from __future__ import annotations

import io
from struct import pack

import numpy as np
import pixels
import pytest
import smear_file
import smear_quality
from PIL import Image, ImageCms

from samples import render

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")


def picture(height: int = 224, width: int = 224) -> np.ndarray:
    """uint8 [height, width, 3]: slopes and a bright corner, different along every axis."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    image = np.stack([40 + 200 * x, 30 + 180 * y, 220 - 150 * x * y], axis=-1)
    image[: height // 3, : width // 4] = (250, 240, 20)
    return np.rint(image).astype(np.uint8)


SCENE = picture()
RGB = Image.fromarray(SCENE)


def encode(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def masked(image: Image.Image | np.ndarray) -> np.ndarray:
    out = np.asarray(image).copy()
    out[188:, 188:] = 128
    return out


def distance(data: bytes, expected: Image.Image | np.ndarray) -> tuple[float, int]:
    """Mean and largest difference in grey levels."""
    apart = np.abs(pixels.rgb(data).astype(int) - masked(expected))
    return float(apart.mean()), int(apart.max())


LOSSLESS = {
    "PNG": ("PNG", {}),
    "PNG without compression": ("PNG", {"compress_level": 0}),
    "BMP": ("BMP", {}),
    "TIFF": ("TIFF", {}),
    "TIFF LZW": ("TIFF", {"compression": "tiff_lzw"}),
    "TIFF Deflate": ("TIFF", {"compression": "tiff_adobe_deflate"}),
    "TIFF PackBits": ("TIFF", {"compression": "packbits"}),
    "BigTIFF": ("TIFF", {"big_tiff": True}),
    "TIFF in many strips": ("TIFF", {"tiffinfo": {278: 5}, "compression": "tiff_lzw"}),
    "WebP": ("WEBP", {"lossless": True}),
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_formats_of_224_pixels_pass_through_untouched(name: str) -> None:
    format, options = LOSSLESS[name]
    data = encode(RGB, format, **options)
    colours = pixels.rgb(data)
    np.testing.assert_array_equal(colours, masked(SCENE))
    assert colours.dtype == np.uint8
    decoded = pixels.decode(data)
    assert decoded.quality.dtype == np.float32
    assert decoded.quality.shape == (len(smear_quality.QUALITY_FIELDS),)
    assert decoded.quality[0] == 1


(SMEAR,) = (one.image for one in render.images(count=1, seed=2, height=224))


@pytest.mark.parametrize("name", LOSSLESS)
def test_the_backbones_see_the_same_whatever_the_file_is(name: str) -> None:
    format, options = LOSSLESS[name]
    data = encode(SMEAR, format, **options)
    decoded = pixels.decode(data)
    assert decoded.pixels.shape == (224, 224, 3)
    assert decoded.pixels.dtype == np.uint8
    np.testing.assert_array_equal(decoded.pixels, pixels.render(pixels.rgb(data)))
    expected = pixels.decode(encode(SMEAR, "PNG"))
    np.testing.assert_array_equal(decoded.pixels, expected.pixels)
    np.testing.assert_array_equal(decoded.quality, expected.quality)
    assert 0.01 < (decoded.pixels[:188] < 128).mean() < 0.5, "leukocytes, and nothing else"


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"quality": 95, "progressive": True}),
        ("TIFF", {"compression": "jpeg", "quality": 95}),
        ("WEBP", {"quality": 95}),
    ],
)
def test_lossy_formats_keep_the_picture(format: str, options: dict[str, object]) -> None:
    data = encode(RGB, format, **options)
    mean, _ = distance(data, SCENE)
    assert mean < 2.5
    assert distance(data, Image.open(io.BytesIO(data)).convert("RGB")) == (0, 0)


def test_jpeg_of_224_pixels_is_what_the_decoder_gives() -> None:
    data = encode(RGB, "JPEG", quality=80)
    assert distance(data, Image.open(io.BytesIO(data))) == (0, 0)


MODES = {
    "PNG": ("L", "1", "P", "LA", "RGBA"),
    "BMP": ("L", "1", "P", "RGBA"),
    "TIFF": ("L", "1", "P", "LA", "RGBA", "CMYK", "YCbCr", "LAB"),
    "JPEG": ("L", "1", "CMYK", "YCbCr"),
    "WEBP": ("L", "RGBA"),
}


@pytest.mark.parametrize(
    ("format", "mode"), [(format, mode) for format, modes in MODES.items() for mode in modes]
)
def test_modes(format: str, mode: str) -> None:
    image = RGB.convert(mode) if mode != "LAB" else to_lab(RGB)
    options: dict[str, object] = {"lossless": True} if format == "WEBP" else {}
    if (format, mode) == ("TIFF", "YCbCr"):
        options = {"compression": "jpeg"}
    data = encode(image, format, **options)
    saved = Image.open(io.BytesIO(data)).convert("RGB")
    mean, largest = distance(data, saved)
    assert (mean, largest) == (0, 0)
    assert mean <= distance(data, image.convert("RGB"))[0] < 5, "the file holds the picture"


def to_lab(image: Image.Image) -> Image.Image:
    lab = ImageCms.createProfile("LAB")
    converted = ImageCms.profileToProfile(
        image, ImageCms.createProfile("sRGB"), lab, outputMode="LAB"
    )
    assert converted is not None
    return converted


def test_separate_planes_of_tiff() -> None:
    planes = b"".join(SCENE[..., channel].tobytes() for channel in range(3))
    data = tiff(224, 224, planes, {277: 3, 258: [8, 8, 8], 262: 2, 284: 2}, strips=3)
    assert distance(data, SCENE) == (0, 0)


def tiff(
    width: int,
    height: int,
    samples: bytes,
    tags: dict[int, int | list[int]],
    *,
    strips: int = 1,
    order: str = "<",
) -> bytes:
    """A small TIFF writer for what Pillow reads and does not write; every value is a LONG."""
    size = len(samples) // strips
    entries: dict[int, list[int]] = {
        256: [width],
        257: [height],
        259: [1],
        278: [height],
        273: [8 + size * strip for strip in range(strips)],
        279: [size] * strips,
    } | {tag: value if isinstance(value, list) else [value] for tag, value in tags.items()}
    at = 8 + len(samples)
    extra = b""
    table = b""
    after = at + 2 + 12 * len(entries) + 4
    for tag, values in sorted(entries.items()):
        packed = pack(f"{order}{len(values)}I", *values)
        if len(values) > 1:
            packed, extra = pack(f"{order}I", after + len(extra)), extra + packed
        table += pack(f"{order}HHI", tag, 4, len(values)) + packed
    head = (b"II" if order == "<" else b"MM") + pack(f"{order}HI", 42, at)
    return head + samples + pack(f"{order}H", len(entries)) + table + pack(f"{order}I", 0) + extra


# -- grey of more than eight bits -----------------------------------------------------------------

GREY16 = (np.arange(224 * 224, dtype=np.uint32) * 65535 // (224 * 224 - 1)).reshape(224, 224)
GREY8 = np.rint(GREY16 / 257).astype(np.uint8)
GREY_RGB = np.repeat(GREY8[..., None], 3, axis=2)


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_by_its_type_and_not_clipped(format: str) -> None:
    data = encode(Image.fromarray(GREY16.astype(np.uint16)), format)
    assert distance(data, GREY_RGB) == (0, 0)


def test_a_dark_16_bit_image_stays_dark() -> None:
    data = encode(Image.fromarray((GREY16 // 16).astype(np.uint16)), "PNG")
    assert pixels.rgb(data)[:188].max() <= 16, "no stretching by content"


@pytest.mark.parametrize("order", ["<", ">"])
def test_16_bit_tiff_of_both_byte_orders(order: str) -> None:
    samples = GREY16.astype(f"{order}u2").tobytes()
    data = tiff(224, 224, samples, {258: 16, 262: 1}, order=order)
    assert distance(data, GREY_RGB) == (0, 0)


def test_16_bit_tiff_where_white_is_zero() -> None:
    data = tiff(224, 224, (65535 - GREY16).astype("<u2").tobytes(), {258: 16, 262: 0})
    assert distance(data, GREY_RGB) == (0, 0)


def test_signed_16_bit_tiff() -> None:
    data = tiff(224, 224, (GREY16 // 2).astype("<i2").tobytes(), {258: 16, 262: 1, 339: 2})
    assert distance(data, GREY_RGB)[1] <= 1


def test_12_bit_tiff() -> None:
    values = (GREY16 // 16).reshape(-1, 2)
    packed = np.stack(
        [values[:, 0] >> 4, (values[:, 0] & 15) << 4 | values[:, 1] >> 8, values[:, 1] & 255], 1
    )
    data = tiff(224, 224, packed.astype(np.uint8).tobytes(), {258: 12, 262: 1})
    _, largest = distance(data, GREY_RGB)
    assert largest <= 1


def test_16_bit_colour() -> None:
    samples = (SCENE.astype("<u2") * 257).tobytes()
    assert distance(tiff(224, 224, samples, {277: 3, 258: [16] * 3, 262: 2}), SCENE) == (0, 0)


def test_floating_point_from_0_to_1() -> None:
    data = encode(Image.fromarray((GREY16 / 65535).astype(np.float32)), "TIFF")
    assert distance(data, GREY_RGB)[1] <= 1


@pytest.mark.parametrize("worst", [1.5, -0.1, np.nan, np.inf])
def test_floating_point_of_another_range_is_refused(worst: float) -> None:
    samples = np.full((50, 50), 0.5, dtype=np.float32)
    samples[7, 7] = worst
    with pytest.raises(pixels.ImageError, match="floating-point") as refused:
        pixels.decode(encode(Image.fromarray(samples), "TIFF"))
    assert refused.value.code == smear_file.UNSUPPORTED


def test_32_bit_integers_are_refused() -> None:
    with pytest.raises(pixels.ImageError, match="32-bit") as refused:
        pixels.decode(encode(Image.fromarray(GREY16.astype(np.int32)), "TIFF"))
    assert refused.value.code == smear_file.UNSUPPORTED


# -- transparency ---------------------------------------------------------------------------------


def white_hole(format: str, image: Image.Image, **options: object) -> np.ndarray:
    return pixels.rgb(encode(image, format, **options))[50:100, 50:100]


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_transparent_is_white_whatever_lies_beneath(format: str) -> None:
    image = RGB.convert("RGBA")
    image.paste((255, 0, 0, 0), (50, 50, 100, 100))
    options = {"lossless": True} if format == "WEBP" else {}
    assert (white_hole(format, image, **options) == 255).all()


def test_half_transparent_is_half_white() -> None:
    image = Image.new("RGBA", (224, 224), (100, 0, 200, 128))
    expected = np.array([100, 0, 200]) * 128 / 255 + 127
    np.testing.assert_allclose(white_hole("PNG", image)[0, 0], expected, atol=1)


@pytest.mark.parametrize("size", [(224, 224), (2500, 1900)])
def test_transparent_pixels_do_not_bleed_into_their_neighbours(size: tuple[int, int]) -> None:
    image = Image.new("RGBA", size, (255, 0, 0, 0))
    image.paste((255, 255, 255, 255), (0, 0, size[0] // 2, size[1]))
    assert (pixels.rgb(encode(image, "PNG"))[:188] == 255).all()


def test_grey_with_alpha() -> None:
    image = Image.new("LA", (224, 224), (40, 255))
    image.paste((0, 0), (50, 50, 100, 100))
    assert (white_hole("PNG", image) == 255).all()


def test_palette_with_transparency() -> None:
    image = Image.new("P", (224, 224), 1)
    image.putpalette([255, 0, 0, 10, 20, 30])
    image.paste(0, (50, 50, 100, 100))
    colours = pixels.rgb(encode(image, "PNG", transparency=0))
    assert (colours[50:100, 50:100] == 255).all()
    assert (colours[0, 0] == (10, 20, 30)).all()


def test_colour_key() -> None:
    image = Image.new("RGB", (224, 224), (10, 20, 30))
    image.paste((1, 2, 3), (50, 50, 100, 100))
    assert (white_hole("PNG", image, transparency=(1, 2, 3)) == 255).all()


# -- several pages --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("TIFF", {}),
        ("TIFF", {"big_tiff": True}),
        ("PNG", {}),
        ("PNG", {"default_image": True}),
        ("WEBP", {"lossless": True}),
        ("MPO", {}),
    ],
)
def test_the_first_of_several_pages_is_read_and_all_are_counted(
    format: str, options: dict[str, object]
) -> None:
    others = [RGB.rotate(90), RGB.rotate(180)]
    data = encode(RGB, format, save_all=True, append_images=others, **options)
    first = pixels.field(data)
    assert np.abs(first.rgb.astype(int) - masked(SCENE)).mean() < 2.5
    assert first.pages == pixels.decode(data).quality[0] == 3


def test_reduced_copies_in_a_tiff_are_no_pages() -> None:
    small = RGB.resize((56, 56))
    small.encoderinfo = {"tiffinfo": {254: 1}}
    pyramid = encode(RGB, "TIFF", save_all=True, append_images=[small])
    assert pixels.decode(pyramid).quality[0] == 1


def test_a_tiff_whose_pages_run_in_a_circle() -> None:
    data = bytearray(encode(RGB, "TIFF", save_all=True, append_images=[RGB]))
    first = int.from_bytes(data[4:8], "little")
    entries = int.from_bytes(data[first : first + 2], "little")
    pointer = first + 2 + 12 * entries
    data[pointer : pointer + 4] = first.to_bytes(4, "little")
    assert pixels.decode(bytes(data)).quality[0] == 1
    np.testing.assert_array_equal(pixels.rgb(bytes(data)), masked(SCENE))


# -- orientation ----------------------------------------------------------------------------------

_TURNED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an upright picture is stored for each EXIF orientation."""


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("size", [(224, 224), (300, 400)])
def test_exif_orientation(format: str, orientation: int, size: tuple[int, int]) -> None:
    upright = Image.fromarray(picture(*size))
    turn = _TURNED[orientation]
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format == "WEBP" else {}
    if format == "JPEG":
        options = {"quality": 100, "subsampling": 0}
    colours = pixels.rgb(encode(stored, format, exif=exif, **options))
    expected = pixels.rgb(encode(upright, format, **options))
    apart = np.abs(colours.astype(int) - expected)
    assert apart.mean() < 0.6
    assert apart.max() <= 8
    if size == (224, 224) and format != "JPEG":
        assert apart.max() == 0


def test_broken_exif_does_not_cost_the_picture() -> None:
    data = encode(RGB, "PNG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert distance(data, SCENE) == (0, 0)


# -- colour profile -------------------------------------------------------------------------------


def icc_profile(*, swapped: bool) -> bytes:
    """A matrix profile with the colours and curve of sRGB; ``swapped`` has red and blue change."""
    primaries = [(0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7142)]
    if swapped:
        primaries.reverse()

    def fixed(*values: float) -> bytes:
        return b"".join(pack(">i", round(value * 65536)) for value in values)

    curve = b"para\0\0\0\0\0\x03\0\0" + fixed(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    white = (0.9642, 1.0, 0.8249)
    tags = {b"wtpt": b"XYZ \0\0\0\0" + fixed(*white)}
    for letter, primary in zip((b"r", b"g", b"b"), primaries, strict=True):
        tags[letter + b"XYZ"] = b"XYZ \0\0\0\0" + fixed(*primary)
        tags[letter + b"TRC"] = curve
    table, body = b"", b""
    for name, value in tags.items():
        table += name + pack(">II", 128 + 4 + 12 * len(tags) + len(body), len(value))
        body += value
    rest = pack(">I", len(tags)) + table + body
    head = pack(">I4sI", 128 + len(rest), b"\0" * 4, 0x04200000) + b"mntrRGB XYZ " + b"\0" * 12
    head += b"acsp" + b"\0" * 28 + fixed(*white)
    return head.ljust(128, b"\0") + rest


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP"])
def test_the_same_field_in_another_colour_space_is_the_same_field(format: str) -> None:
    options = {"lossless": True} if format == "WEBP" else {}
    stored = Image.fromarray(SCENE[..., ::-1].copy())
    data = encode(stored, format, icc_profile=icc_profile(swapped=True), **options)
    assert distance(data, SCENE)[1] <= 2


def test_an_srgb_profile_changes_nothing() -> None:
    data = encode(RGB, "PNG", icc_profile=icc_profile(swapped=False))
    assert distance(data, SCENE)[1] <= 1


@pytest.mark.parametrize("profile", [b"no profile at all", icc_profile(swapped=True)[:200]])
def test_an_unreadable_profile_says_nothing(profile: bytes) -> None:
    assert distance(encode(RGB, "PNG", icc_profile=profile), SCENE) == (0, 0)


def test_a_profile_of_another_mode_says_nothing() -> None:
    data = encode(RGB.convert("L"), "PNG", icc_profile=icc_profile(swapped=True))
    assert distance(data, RGB.convert("L").convert("RGB")) == (0, 0)
