"""Weights of TensorFlow.js: plain and wrapped files, quantised or not, whole or broken."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

from training.models import tfjs

WRAPPER = (
    '!function(a){if("object"==typeof exports)module.exports=a();else this.model=a()}'
    "(function(){var c=i[o]={exports:{}};return c}({1:[function(a,n,i){n.exports=%s},{}]},{},[1]));"
)


def entry(
    name: str, shape: list[int], computed: str = "float32", /, **quantization: object
) -> dict[str, object]:
    found = {"name": name, "shape": shape, "dtype": computed}
    return {**found, "quantization": quantization} if quantization else found


ENTRIES = [
    entry("plain", [2, 2]),
    entry("eight", [3], scale=0.5, min=-1.0, dtype="uint8"),
    entry("sixteen", [2], scale=0.25, min=0.0, dtype="uint16"),
    entry("half", [1, 2], dtype="float16"),
    entry("whole", [], "int32", scale=1, min=3072, dtype="uint8"),
]
CONTENT = b"".join(
    (
        np.array([1.5, -2, 3, 4], "<f4").tobytes(),
        bytes([0, 1, 255]),
        np.array([4, 65535], "<u2").tobytes(),
        np.array([0.5, -8], "<f2").tobytes(),
        bytes([7]),
    )
)


def manifest(entries: list[dict], *paths: str) -> list[dict]:
    return [{"paths": list(paths), "weights": entries}]


def javascript(value: object) -> str:
    """As a bundler minifies it: names without quotes, !0 and !1, fractions without their zero."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{javascript(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(javascript(each) for each in value) + "]"
    if isinstance(value, bool):
        return "!0" if value else "!1"
    if isinstance(value, float):
        return repr(value).replace("0.", ".", 1) if abs(value) < 1 else repr(value)
    return json.dumps(value)


def wrapped(value: object) -> bytes:
    return (WRAPPER % javascript(value)).encode()


def plain_files() -> dict[str, bytes]:
    """Two shards, parted in the middle of a weight."""
    listed = json.dumps(manifest(ENTRIES, "a.bin", "b.bin")).encode()
    return {"m/list.json": listed, "m/a.bin": CONTENT[:9], "m/b.bin": CONTENT[9:]}


def wrapped_files() -> dict[str, bytes]:
    model = {
        "modelTopology": {"layers": [{"trainable": False, "rate": -0.25, "seed": None}]},
        "weightsManifest": manifest(ENTRIES, "shard1of2", "shard2of2"),
    }
    parts = CONTENT[:9], CONTENT[9:]
    return {
        "m/model.min.js": wrapped(model),
        **{
            f"m/shard{number}of2.min.js": wrapped(base64.b64encode(part).decode())
            for number, part in enumerate(parts, 1)
        },
    }


@pytest.mark.parametrize(
    ("name", "files"), [("m/list.json", plain_files()), ("m/model.min.js", wrapped_files())]
)
def test_every_weight_is_read(name: str, files: dict[str, bytes]) -> None:
    found = tfjs.load(name, files)
    assert list(found) == ["plain", "eight", "sixteen", "half", "whole"]
    np.testing.assert_array_equal(found["plain"], [[1.5, -2], [3, 4]])
    np.testing.assert_array_equal(found["eight"], [-1, -0.5, 126.5])
    np.testing.assert_array_equal(found["sixteen"], [1, 16383.75])
    np.testing.assert_array_equal(found["half"], [[0.5, -8]])
    assert found["whole"] == 3079
    assert found["whole"].shape == ()
    dtypes = [str(value.dtype) for value in found.values()]
    assert dtypes == ["float32", "float32", "float32", "float32", "int32"]


def test_groups_have_shards_of_their_own() -> None:
    groups = manifest([entry("one", [1])], "a") + manifest([entry("two", [1])], "b")
    files = {
        "list.json": json.dumps({"weightsManifest": groups}).encode(),
        "a": np.float32(1).tobytes(),
        "b": np.float32(2).tobytes(),
    }
    found = tfjs.load("list.json", files)
    assert (found["one"], found["two"]) == (1, 2)


def test_a_literal_of_javascript_is_read_as_it_stands() -> None:
    literal = '{a:!0,"b c":[.5,-.25,1e3,7,9e-7],c:{d:null,e:"x\\"},{:!1"},f:[]}'
    assert tfjs.exported(WRAPPER % literal, "x.js") == {
        "a": True,
        "b c": [0.5, -0.25, 1000.0, 7, 9e-7],
        "c": {"d": None, "e": 'x"},{:!1'},
        "f": [],
    }


@pytest.mark.parametrize("name", ["m/model.min.js", "m/shard1of2.min.js"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_a_wrapped_file_that_is_cut_off_is_named(name: str, share: float) -> None:
    files = wrapped_files()
    literal_end = files[name].index(b"},{}]},{}")
    files[name] = files[name][: int(share * literal_end)]
    with pytest.raises(tfjs.TfjsError, match=name):
        tfjs.load("m/model.min.js", files)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"alert(1)", "exports 0 literals"),
        (b"a.exports={};b.exports={};", "exports 2 literals"),
        (b"a.exports={b:function(){}}", "no plain literal"),
        (b'a.exports={b:"c', "cut off"),
        (b"a.exports={b:[1,]}", "cannot be read"),
        (b"a.exports={b:0x1F}", "no plain literal"),
        (b"a.exports={b:1}", "no weights manifest"),
        (b"a.exports=[]", "no weights manifest"),
        (b"\xff\xfe", "no JSON, or cut off"),
    ],
)
def test_another_javascript_file_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(tfjs.TfjsError, match=rf"x\.min\.js: .*{why}"):
        tfjs.load("x.min.js", {"x.min.js": content})


@pytest.mark.parametrize(
    "content", [b"", b'[{"paths": ["a"]', b"[]", b"3", b'{"other": 1}', b"[1]"]
)
def test_another_json_file_is_refused(content: bytes) -> None:
    with pytest.raises(tfjs.TfjsError, match=r"list\.json"):
        tfjs.load("list.json", {"list.json": content})


@pytest.mark.parametrize("content", [CONTENT[9:-1], CONTENT[9:] + b"0"])
def test_shards_of_another_length_are_refused(content: bytes) -> None:
    wanted = len(CONTENT)
    with pytest.raises(tfjs.TfjsError, match=rf"a\.bin, m/b\.bin: .* describes {wanted}"):
        tfjs.load("m/list.json", {**plain_files(), "m/b.bin": content})


@pytest.mark.parametrize("name", ["m/list.json", "m/a.bin"])
def test_a_missing_file_is_named(name: str) -> None:
    files = plain_files()
    del files[name]
    with pytest.raises(tfjs.TfjsError, match=f"{name}: missing"):
        tfjs.load("m/list.json", files)


def test_a_shard_that_is_no_base64_is_named() -> None:
    files = {**wrapped_files(), "m/shard1of2.min.js": wrapped("no base 64!")}
    with pytest.raises(tfjs.TfjsError, match=r"shard1of2\.min\.js: .* no base64"):
        tfjs.load("m/model.min.js", files)
    files["m/shard1of2.min.js"] = wrapped([1, 2])
    with pytest.raises(tfjs.TfjsError, match=r"shard1of2\.min\.js: .* no base64"):
        tfjs.load("m/model.min.js", files)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a", "shape": [1]},
        entry("a", [-1]),
        entry("a", ["1"]),
        entry("a", [1], "complex64"),
        entry("a", [1], dtype="uint8", scale=1),
        entry("a", [1], dtype="uint4", scale=1, min=0),
        entry("a", [1], dtype="uint8", scale="x", min=0),
        entry("a", [1], dtype="uint8", scale=float("nan"), min=0),
        {"name": 3, "shape": [1], "dtype": "float32"},
        "a",
        None,
    ],
)
def test_an_entry_that_cannot_be_read_is_refused(wrong: object) -> None:
    files = {"list.json": json.dumps(manifest([wrong], "a")).encode(), "a": bytes(4)}
    with pytest.raises(tfjs.TfjsError, match=r"list\.json: .* no weight that can be read here"):
        tfjs.load("list.json", files)


def test_a_weight_that_is_listed_twice_is_refused() -> None:
    twice = [entry("a", [1]), entry("a", [1])]
    files = {"list.json": json.dumps(manifest(twice, "a")).encode(), "a": bytes(8)}
    with pytest.raises(tfjs.TfjsError, match=r"a is listed twice"):
        tfjs.load("list.json", files)
