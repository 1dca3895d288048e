"""Measures what docs/cells.md says of real cells, and draws sheets of them to look at.

Run: PYTHONPATH=. python docs/cells_measured.py --data all-smears --sheets FOLDER [--part test]

Prints, as Markdown, how often a cell has the class of its field, and how far the mean of the cells
of each backbone is from the field. Writes a sheet of cells for each class. They show real fields:
keep them where those may be kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import tritonclient.grpc as triton
from PIL import Image, ImageDraw, ImageFont

from allclient.contract import BACKBONES, SUBTYPES, Backbone
from allclient.local import LocalServer
from allclient.view.style import STYLES
from toolkit import served
from training.data import samples

ROOT = Path(__file__).resolve().parents[1]
SURE = (0.9, 0.6, 0.0)
"""Least highest probability of the cells in each row of the tables and sheets."""
BATCH = 16
COLUMNS, ROWS, SIDE, MARGIN, HEAD = 14, 3, 84, 14, 22
NAMES = [subtype.value for subtype in SUBTYPES]
Rgb = npt.NDArray[np.uint8]


def main() -> None:
    """Read the part named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--part", default="test")
    parser.add_argument("--sheets", type=Path, required=True)
    options = parser.parse_args()
    options.sheets.mkdir(parents=True, exist_ok=True)
    chosen = samples.read(options.data).part(options.part)
    with LocalServer(ROOT / "model_repository") as server:
        cells, gaps = measured(triton.InferenceServerClient(server.grpc_address), chosen)
    print(*tables(cells), sep="\n\n")
    for backbone, (to_map, to_logits) in gaps.groupby("backbone").max().iterrows():
        print(f"\n{backbone}: {to_map:.1e} from its map, {to_logits:.1e} from LOGITS at most")
    for name in NAMES:
        draw(cells[cells["said"] == name], options.sheets / f"{name}.png")


def measured(
    client: triton.InferenceServerClient, chosen: list[samples.Sample]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a row for each cell, and for each field and backbone how far apart the means are."""
    cells: list[pd.DataFrame] = []
    gaps: list[tuple[str, float, float]] = []
    temperature = served.temperature()
    for start in range(0, len(chosen), BATCH):
        batch = chosen[start : start + BATCH]
        fields = [served.pixels.decode(sample.path.read_bytes()) for sample in batch]
        said = {b: _said(client, b, np.stack([f.pixels for f in fields])) for b in BACKBONES}
        for at, (sample, field) in enumerate(zip(batch, fields, strict=True)):
            cams = {b.value: cam[at] for b, (_, cam) in said.items()}
            rows = served.smear_leukocytes.rows(
                field.pixels, np.packbits(field.nuclei), cams, temperature
            )
            table = pd.DataFrame(rows, columns=served.smear_leukocytes.CELL_FIELDS)
            cells.append(table.assign(file=str(sample.path), field=sample.named))
            logits = {b.value: logits[at] for b, (logits, _) in said.items()}
            gaps.extend(_gaps(field, cams, logits))
    whole = pd.concat(cells, ignore_index=True)
    probabilities = whole[[f"probability_{name}" for name in NAMES]].to_numpy()
    whole["said"] = np.array(NAMES)[probabilities.argmax(axis=1)]
    whole["sure"] = probabilities.max(axis=1)
    return whole, pd.DataFrame(gaps, columns=["backbone", "to_map", "to_logits"])


def _said(
    client: triton.InferenceServerClient, backbone: Backbone, pixels: Rgb
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    tensor = triton.InferInput("PIXELS", list(pixels.shape), "UINT8")
    tensor.set_data_from_numpy(pixels)
    answer = client.infer(backbone.value, [tensor])
    return answer.as_numpy("LOGITS"), answer.as_numpy("CAM")


def _gaps(
    field: served.pixels.Decoded,
    cams: dict[str, npt.NDArray[np.float32]],
    logits: dict[str, npt.NDArray[np.float32]],
) -> Iterator[tuple[str, float, float]]:
    boxes, owner = served.smear_part.part(field.nuclei)
    shown = served.smear_evidence.seen(field.pixels)
    for name, cam in cams.items() if len(boxes) else ():
        said = served.smear_evidence.of_cells(cam, owner, shown, len(boxes))
        mean = said.areas @ said.logits
        of_map = cam.reshape(-1, 4).astype(np.float64).mean(axis=0)
        yield name, np.abs(mean - of_map).max(), np.abs(mean - logits[name]).max()


def tables(cells: pd.DataFrame) -> Iterator[str]:
    """Yield the tables of docs/cells.md."""
    fields = cells.groupby("field")["file"].nunique()
    yield f"{len(cells):,} cells in {fields.sum()} fields that have any"
    yield _markdown(pd.crosstab(cells["field"], cells["said"]).reindex(NAMES)[NAMES])
    cells = cells.assign(
        right=cells["said"] == cells["field"],
        side=(cells["said"] == "benign") == (cells["field"] == "benign"),
        rim=_cut(cells),
        agreed=cells["agreement"] > 0.999,
    )
    for by in (pd.cut(cells["sure"], [0, 0.6, 0.9, 1.01], right=False), "agreed", "rim"):
        groups = cells.groupby(by, observed=True)
        table = pd.DataFrame({"cells": groups.size(), **groups[["right", "side"]].mean().round(3)})
        yield _markdown(table)


def _cut(cells: pd.DataFrame) -> pd.Series:
    """Return which boxes touch the border or the scale-bar corner."""
    right, bottom = cells["x"] + cells["width"], cells["y"] + cells["height"]
    corner = served.pixels.MASK_FROM / served.pixels.SIDE
    last = 1 - 1e-6
    in_corner = (right >= corner) & (bottom >= corner)
    return (cells["x"] <= 0) | (cells["y"] <= 0) | (right >= last) | (bottom >= last) | in_corner


def _markdown(table: pd.DataFrame) -> str:
    head = [table.index.name or "", *map(str, table.columns)]
    rows = [[str(name), *map(str, row)] for name, *row in table.itertuples()]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def draw(cells: pd.DataFrame, path: Path) -> None:
    """Draw cells of one class, evenly from the surest to the least sure, with their field's class.

    A frame in the colour of the field's class stands around those whose field has another one.
    """
    high = HEAD + ROWS * (SIDE + MARGIN)
    sheet = Image.new("RGB", (COLUMNS * (SIDE + 4), len(SURE) * high), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    below = 1.01
    for part, least in enumerate(SURE):
        some = cells[(cells["sure"] >= least) & (cells["sure"] < below)]
        some = some.sort_values("sure", ascending=False, kind="stable")
        shown = some.iloc[np.unique(np.linspace(0, len(some) - 1, COLUMNS * ROWS).astype(int))]
        title = f"{path.stem}, {least} to {min(below, 1)}: {len(shown)} of {len(some)}"
        pen.text((4, part * high + 4), title, "black", font)
        for number, cell in enumerate(shown.itertuples(index=False)):
            row, column = divmod(number, COLUMNS)
            corner = (column * (SIDE + 4), part * high + HEAD + row * (SIDE + MARGIN))
            _draw_cell(sheet, pen, corner, cell._asdict())
        below = least
    sheet.save(path)


def _draw_cell(
    sheet: Image.Image, pen: ImageDraw.ImageDraw, at: tuple[int, int], cell: dict[str, object]
) -> None:
    field = Image.fromarray(served.pixels.rgb(Path(str(cell["file"])).read_bytes()))
    x, y, width, height = (
        float(str(cell[name])) * field.width for name in ("x", "y", "width", "height")
    )
    reach = max(width, height, 24) * 0.75
    middle = x + width / 2, y + height / 2
    left, top, right, bottom = (round(m + d * reach) for d in (-1, 1) for m in middle)
    crop = field.crop((left, top, right, bottom)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    sheet.paste(crop, at)
    field_class = str(cell["field"])
    if field_class != cell["said"] and field_class in NAMES:
        colour = STYLES[SUBTYPES[NAMES.index(field_class)]].colour
        pen.rectangle((*at, at[0] + SIDE - 1, at[1] + SIDE - 1), outline=colour, width=4)
    text = f"{cell['sure']:.2f} {field_class}"
    pen.text((at[0], at[1] + SIDE), text, "black", ImageFont.load_default(9))


if __name__ == "__main__":
    main()
