from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convert import images
from samples import render
from toolkit import served


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = ["path,class,split,guard"]
    for index in range(12):
        name = f"{index:02}.png"
        Image.new("RGB", (50, 40), (index * 20, 0, 0)).save(tmp_path / name)
        rows.append(f"{name},Benign,{'train' if index < 9 else 'val'},{int(index in (0, 10))}")
    (tmp_path / "split.csv").write_text("\n".join(rows))
    return tmp_path


def test_guard_images_are_left_out_of_training_only(data: Path) -> None:
    assert [path.name for path in images.paths(data, "train")] == [f"0{i}.png" for i in range(1, 9)]
    assert [path.name for path in images.paths(data, "val")] == ["09.png", "10.png", "11.png"]


def test_fewer_images_are_taken_evenly(data: Path) -> None:
    assert [path.stem for path in images.paths(data, "train", 4)] == ["01", "03", "05", "07"]
    assert len(images.paths(data, "train", 100)) == 8


def test_without_a_split_nothing_is_taken(data: Path) -> None:
    with pytest.raises(images.DataError, match="no images of the part 'test'"):
        images.paths(data, "test")
    (data / "split.csv").unlink()
    with pytest.raises(images.DataError, match=r"split\.csv is missing"):
        images.paths(data, "train")


def test_a_listed_file_that_is_not_there_is_named(data: Path) -> None:
    (data / "10.png").unlink()
    with pytest.raises(images.DataError, match=r"10\.png is named in split\.csv"):
        images.fields(data, "val")


def test_fields_know_their_classes_and_their_source(data: Path) -> None:
    found = images.fields(data, "val")
    assert found.classes.tolist() == [0, 0, 0]
    assert found.quality.shape[0] == 3
    assert found.record() == {"part": "val", "count": 3, "source": data.name}
    assert not found.drawn


def test_a_data_folder_called_drawn_is_a_data_folder(data: Path) -> None:
    folder = data.rename(data.parent / "drawn")
    assert not images.fields(folder, "val").drawn


def test_without_data_fields_are_drawn_and_say_so() -> None:
    train, val = images.fields(None, "train", 3), images.fields(None, "val", 3)
    assert train.drawn
    assert train.record() == {"part": "train", "count": 3, "source": images.DRAWN}
    assert set(train.classes) == {-1}, "nobody diagnosed them"
    assert (train.pixels != val.pixels).any(), "parts share no field"


def test_images_are_decoded_as_served(data: Path) -> None:
    """As the backbones see them: leukocytes on white, the scale-bar corner white too."""
    files = images.paths(data, "val")
    drawn = render.images(count=len(files), height=224, stain="purple")
    for file, one in zip(files, drawn, strict=True):
        one.image.save(file)
    pixels = images.decode(files)
    assert pixels.shape == (3, 224, 224, 3)
    assert pixels.dtype == np.uint8
    for file, seen in zip(files, pixels, strict=True):
        np.testing.assert_array_equal(seen, served.pixels.decode(file.read_bytes()).pixels)
    dark = (pixels[:, :188] < 128).mean((1, 2, 3))
    assert (dark[:2] > 0.01).all(), "hematogones, blasts"
    assert dark[2] < 0.01, "red cells"
    assert (pixels[:, 188:, 188:] == 255).all()
