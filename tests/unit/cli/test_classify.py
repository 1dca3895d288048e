from __future__ import annotations

import csv
import io
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.unit.client.kserve import MALIGNANT_ANSWER, KServe, Refused

Run = Callable[..., Any]


def records(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_all_classified(server: KServe, write: Run, allclient: Run) -> None:
    done = allclient("classify", *write(a="benign", b="pre"), "-f", "jsonl")
    assert done.code == 0
    first, second = records(done.out)
    assert (first["file"], first["label"], first["subtype"]) == ("a.jpg", "benign", "benign")
    assert (second["file"], second["label"], second["subtype"]) == ("b.jpg", "malignant", "pre_b")
    assert done.err.startswith("2 classified: 1 malignant, 1 benign; 0 need review; 0 failed; ")
    assert "images/s\nSupports a reading by a pathologist and never replaces it" in done.err


def test_some_failed(server: KServe, write: Run, allclient: Run) -> None:
    files = write(a="torn", b="review", c="", d="fails")
    done = allclient("classify", *files, "none.jpg", "-f", "jsonl")
    assert done.code == 1
    assert [(r["file"], (r["error"] or {}).get("code")) for r in records(done.out)] == [
        ("a.jpg", "image_truncated"),
        ("b.jpg", None),
        ("c.jpg", "image_empty"),
        ("d.jpg", "inference_failed"),
        ("none.jpg", "file_not_found"),
    ]
    lines = done.err.splitlines()
    assert lines[:3] == [
        "allclient: a.jpg: image_truncated: the JPEG ends before its last row",
        "allclient: b.jpg: several pages; only the first was read",
        "allclient: c.jpg: image_empty: the file is empty (0 bytes)",
    ]
    assert lines[4] == "allclient: none.jpg: file_not_found: no such file"
    assert "1 classified: 1 malignant, 0 benign; 1 need review; 4 failed" in done.err


def test_table_is_the_default_and_plain_in_a_pipe(
    server: KServe, write: Run, allclient: Run
) -> None:
    done = allclient("classify", *write(a="benign", b="torn"))
    head, first, second = done.out.splitlines()
    assert head.startswith("LABEL      SUBTYPE      PROB ")
    assert first.startswith("benign     benign       0.940 ")
    assert first.endswith("  a.jpg")
    assert second.endswith("  b.jpg  image_truncated: the JPEG ends before its last row")
    assert "\x1b" not in done.out + done.err


def test_csv(server: KServe, write: Run, allclient: Run) -> None:
    done = allclient("classify", *write(a="benign"), "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(done.out))
    assert (row["file"], row["label"], row["probability"]) == ("a.jpg", "benign", "0.940000")


def test_folder(server: KServe, write: Run, allclient: Run, folder: Path) -> None:
    write(a="benign", b="pre")
    (folder / "notes.txt").write_text("x")
    (folder / "more").mkdir()
    done = allclient("classify", ".", "-f", "jsonl")
    assert [record["file"] for record in records(done.out)] == ["./a.jpg", "./b.jpg"]
    assert "skipped: 1 other file in folders" in done.err
    assert "1 folder in folders (use --recursive)" in done.err


def test_pattern(server: KServe, write: Run, allclient: Run) -> None:
    write(a1="benign", a2="pre", b="pre")
    done = allclient("classify", "a*.jpg", "-f", "jsonl")
    assert [record["file"] for record in records(done.out)] == ["a1.jpg", "a2.jpg"]


def test_list_on_standard_input(server: KServe, write: Run, allclient: Run) -> None:
    write(a="benign", b="pre")
    done = allclient("classify", "-", "-f", "jsonl", stdin=b"b.jpg\na.jpg\n")
    assert [record["file"] for record in records(done.out)] == ["b.jpg", "a.jpg"]
    done = allclient("classify", "-0", "-", "-f", "jsonl", stdin=b"b.jpg\0")
    assert [record["file"] for record in records(done.out)] == ["b.jpg"]


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b""])
def test_list_as_windows_programs_write_it(
    server: KServe, write: Run, allclient: Run, mark: bytes
) -> None:
    write(a="benign", b="pre")
    codec = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(mark, "utf-8")
    listed = mark + 'a.jpg\r\n"b.jpg"\r\n'.encode(codec)
    done = allclient("classify", "-", "-f", "jsonl", stdin=listed)
    assert done.code == 0
    assert [record["file"] for record in records(done.out)] == ["a.jpg", "b.jpg"]


def test_list_that_needs_null(server: KServe, write: Run, allclient: Run) -> None:
    write(a="benign", b="pre")
    done = allclient("classify", "-", stdin=b"a.jpg\0b.jpg\0")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("allclient: the list on standard input has zero bytes: with --null")


def test_paths_of_windows_are_hinted_at(server: KServe, write: Run, allclient: Run) -> None:
    done = allclient("classify", "-", "-f", "jsonl", stdin=b"slides\\a.jpg\r\n")
    assert done.code == 1
    assert "no such file; on this system folders are parted by /, not by a backslash" in done.err


def test_resume_of_answers_that_excel_saved(
    server: KServe, write: Run, allclient: Run, folder: Path
) -> None:
    files = write(a="benign", b="torn")
    assert allclient("classify", *files, "-o", "o.csv").code == 1
    before = (folder / "o.csv").read_text()
    saved = "\ufeff" + before.replace(",", ";").replace("\n", "\r\n").replace("0.9", "0,9")
    (folder / "o.csv").write_text(saved, newline="")
    write(b="benign")
    server.asked = 0
    assert allclient("classify", *files, "-o", "o.csv", "--resume").code == 0
    assert server.asked == 1
    rows = list(csv.DictReader(io.StringIO((folder / "o.csv").read_text())))
    assert [(row["file"], row["probability"]) for row in rows] == [
        ("a.jpg", "0.940000"),
        ("b.jpg", "0.940000"),
    ]


@pytest.mark.parametrize("paths", [["."], ["-"], [".", "more"]])
def test_no_image_found(server: KServe, allclient: Run, folder: Path, paths: list[str]) -> None:
    (folder / "more").mkdir()
    (folder / "notes.txt").touch()
    done = allclient("classify", *paths)
    assert done.code == 2
    assert "no image found" in done.err
    assert done.out == ""
    assert server.headers == []


@pytest.mark.parametrize(
    "name", [b"two\nlines.jpg", b"\xff\xfe.jpg", "\u00fcml\u00e4ut \u4e2d.jpg".encode()]
)
@pytest.mark.parametrize("form", ["jsonl", "csv", "table"])
def test_awkward_names(
    server: KServe, allclient: Run, folder: Path, name: bytes, form: str
) -> None:
    try:
        with open(name, "wb") as file:  # noqa: PTH123  a name that no str can be
            file.write(b"benign")
    except OSError:
        pytest.skip("this file system takes no such name")
    done = allclient("classify", ".", "-f", form)
    assert done.code == 0
    if form == "jsonl":
        (record,) = records(done.out)
        assert os.fsencode(record["file"]) == b"./" + name


@pytest.mark.parametrize("flags", [[], ["--unordered"]])
def test_order(server: KServe, write: Run, allclient: Run, flags: list[str]) -> None:
    """The first image is answered after three others, all that may wait for it."""
    files = write(**{f"f{number}": f"{number} x" for number in range(6)})
    left = threading.Semaphore(0)

    def respond(image: bytes) -> Any:
        if image == b"0 x":
            for _ in range(3):
                left.acquire()
        else:
            left.release()
        return MALIGNANT_ANSWER

    server.respond = respond
    done = allclient("classify", *files, "-f", "jsonl", "--in-flight", "2", *flags)
    names = [record["file"] for record in records(done.out)]
    assert sorted(names) == files
    assert (names == files) == (not flags)
    assert server.most_in_flight <= 2


def test_output_takes_its_format_from_its_name(
    server: KServe, write: Run, allclient: Run, folder: Path
) -> None:
    files = write(a="benign")
    for name, start in (("o.csv", "file,label"), ("o.JSONL", '{"file"'), ("o.txt", "LABEL ")):
        done = allclient("classify", *files, "-o", name)
        assert (done.code, done.out) == (0, "")
        assert (folder / name).read_text().startswith(start)
    allclient("classify", *files, "-o", "p.csv", "-f", "jsonl")
    assert (folder / "p.csv").read_text().startswith("{")


def test_output_to_a_device(server: KServe, write: Run, allclient: Run) -> None:
    assert allclient("classify", *write(a="benign"), "-o", "/dev/null").code == 0


def test_existing_output_is_not_replaced_unasked(
    server: KServe, write: Run, allclient: Run, folder: Path
) -> None:
    files = write(a="benign")
    (folder / "o.csv").write_text("precious")
    done = allclient("classify", *files, "-o", "o.csv")
    assert done.code == 2
    assert "--resume goes on with it, --overwrite replaces it" in done.err
    assert (folder / "o.csv").read_text() == "precious"
    assert server.asked == 0
    assert allclient("classify", *files, "-o", "o.csv", "--overwrite").code == 0
    assert (folder / "o.csv").read_text().startswith("file,")


@pytest.mark.parametrize("name", ["o.csv", "o.jsonl"])
def test_resume_skips_what_is_done_and_tries_failures_again(
    server: KServe, write: Run, allclient: Run, folder: Path, name: str
) -> None:
    files = write(a="benign", b="torn", c="pre")
    assert allclient("classify", *files, "-o", name).code == 1
    write(b="benign", d="pre")
    server.asked = 0
    done = allclient("classify", ".", "-o", name, "--resume")
    assert server.asked == 4  # "./a.jpg" is not the name of the first run
    server.asked = 0
    done = allclient("classify", *files, "d.jpg", "-o", name, "--resume")
    assert done.code == 0
    assert server.asked == 2
    assert "2 classified: 1 malignant, 1 benign" in done.err
    assert "classified by an earlier run" in done.err
    assert "image_truncated" not in (folder / name).read_text()
    server.asked = 0
    before = (folder / name).read_bytes()
    assert allclient("classify", *files, "-o", name, "--resume").code == 0
    assert server.asked == 0
    assert (folder / name).read_bytes() == before


def test_resume_with_nothing_left_needs_no_server(
    server: KServe, write: Run, allclient: Run
) -> None:
    files = write(a="benign")
    allclient("classify", *files, "-o", "o.csv")
    server.stop()
    assert allclient("classify", *files, "-o", "o.csv", "--resume").code == 0


def test_resume_in_another_format(server: KServe, write: Run, allclient: Run) -> None:
    files = write(a="benign")
    allclient("classify", *files, "-o", "o.csv")
    done = allclient("classify", *files, "-o", "o.csv", "-f", "jsonl", "--resume")
    assert done.code == 2
    assert "rows of the format asked for" in done.err


def test_server_gone_before(server: KServe, write: Run, allclient: Run, folder: Path) -> None:
    server.stop()
    done = allclient("classify", *write(a="benign"), "-o", "o.csv")
    assert done.code == 3
    (only,) = done.err.splitlines()  # no summary of what never began
    assert only.startswith(f"allclient: no server answers at {server.address} (")
    assert [path.name for path in folder.iterdir()] == ["a.jpg"]


def test_server_gone_meanwhile_keeps_what_was_finished(
    server: KServe, write: Run, allclient: Run, folder: Path
) -> None:
    files = write(**{f"f{number}": f"{number} x" for number in range(9)})

    def respond(image: bytes) -> Any:
        if image >= b"4":
            raise Refused(grpc.StatusCode.UNAVAILABLE, "going down")
        return MALIGNANT_ANSWER

    server.respond = respond
    arguments = ["classify", *files, "-o", "o.jsonl", "--in-flight", "1", "--retry-for", "0.4"]
    done = allclient(*arguments)
    assert done.code == 3
    assert "going down" in done.err
    assert "4 classified" in done.err
    assert "o.jsonl.partial; --resume goes on from there" in done.err
    assert not (folder / "o.jsonl").exists()
    server.respond = lambda _: MALIGNANT_ANSWER
    server.asked = 0
    done = allclient(*arguments, "--resume")
    assert done.code == 0
    assert server.asked == 5
    assert [r["file"] for r in records((folder / "o.jsonl").read_text())] == files


def test_server_with_another_contract_is_found_before_the_first_image(
    server: KServe, write: Run, allclient: Run
) -> None:
    del server.outputs["VOTES"]
    done = allclient("classify", *write(a="benign"))
    assert done.code == 3
    assert "cannot classify: output VOTES is missing" in done.err
    assert server.asked == 0


def test_wrong_address(write: Run, allclient: Run) -> None:
    done = allclient("classify", *write(a="benign"), "--server", "http://t:8000")
    assert done.code == 2
    assert "allclient speaks gRPC, not http" in done.err


def test_missing_tls_file(server: KServe, write: Run, allclient: Run) -> None:
    done = allclient("classify", *write(a="benign"), "--tls-ca", "none.pem")
    assert done.code == 2
    assert "TLS ca file 'none.pem' cannot be read" in done.err


@pytest.mark.parametrize("how", ["file", "file from Windows", "environment"])
def test_token(
    server: KServe, write: Run, allclient: Run, folder: Path, monkeypatch: Any, how: str
) -> None:
    arguments = []
    if how == "file":
        (folder / "token").write_text("secret-word\n")
        arguments = ["--token-file", "token"]
    elif how == "file from Windows":
        (folder / "token").write_bytes("secret-word\r\n".encode("utf-16"))
        arguments = ["--token-file", "token"]
    else:
        monkeypatch.setenv("ALLCLIENT_TOKEN", "secret-word")
    done = allclient("-v", "classify", *write(a="benign"), *arguments)
    assert done.code == 0
    assert {headers["authorization"] for headers in server.headers} == {"Bearer secret-word"}
    assert "secret-word" not in done.out + done.err


class Local:
    """In the place of LocalServer, which is for tests/serving: what this command does with it."""

    events: list[Any]

    def __init__(self, **options: Any) -> None:
        self.notify = options.pop("notify")
        self.events.append(options)
        self.server = KServe()

    def __enter__(self) -> Local:
        self.server.start()
        self.grpc_address = self.server.address
        return self

    def __exit__(self, *_: object) -> None:
        self.events.append("stopped")
        self.server.stop()

    def when_lost(self, callback: Any) -> None:
        self.lost = callback


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> type[Local]:
    monkeypatch.delenv("ALLCLIENT_SERVER", raising=False)
    monkeypatch.setattr("allclient.local.LocalServer", Local)
    monkeypatch.setattr(Local, "events", [], raising=False)
    return Local


def test_without_a_server_one_is_started_used_and_stopped(
    write: Run, allclient: Run, local: type[Local]
) -> None:
    done = allclient("classify", *write(a="benign"), "--model-repository", ".", "--flavour", "x")
    assert done.code == 0
    asked = {"model_repository": Path(), "flavour": "x", "model": "all_ensemble"}
    assert local.events == [asked | {"trace_to": None}, "stopped"]
    assert done.err.startswith("1 classified")


def test_little_shared_memory_is_said(
    write: Run, allclient: Run, local: type[Local], monkeypatch: pytest.MonkeyPatch
) -> None:
    from allclient.local import sharedmemory

    monkeypatch.setattr(sharedmemory, "_free", lambda: 64 * 1024**2)
    done = allclient("classify", *write(a="benign"))
    assert done.code == 0
    assert done.err.startswith("allclient: /dev/shm has 64 MB free: large images, or many at once")


def test_a_server_given_up_ends_the_run_and_keeps_what_was_finished(
    write: Run,
    allclient: Run,
    local: type[Local],
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    release: threading.Event,
) -> None:
    from allclient.errors import ServerDiedError

    class Dying(Local):
        def __enter__(self) -> Dying:
            super().__enter__()
            self.server.respond = self.respond
            return self

        def respond(self, image: bytes) -> Any:
            if image == b"1 x":
                self.notify("tritonserver was ended by SIGSEGV")
                threading.Timer(0.1, self.lost, [ServerDiedError("died again and again")]).start()
                release.wait()
            return MALIGNANT_ANSWER

    monkeypatch.setattr("allclient.local.LocalServer", Dying)
    files = write(**{f"f{number}": f"{number} x" for number in range(3)})
    done = allclient("classify", *files, "-o", "o.jsonl", "--in-flight", "1")
    assert done.code == 3
    lines = done.err.splitlines()
    assert lines[0] == "allclient: tritonserver was ended by SIGSEGV"
    assert lines[1].startswith("1 classified")
    assert lines[-2].endswith("o.jsonl.partial; --resume goes on from there")
    assert lines[-1] == "allclient: died again and again"
    assert [r["file"] for r in records((folder / "o.jsonl.partial").read_text())] == files[:1]


@pytest.mark.parametrize("output", [[], ["-o", "o.csv"], ["-o", "o.jsonl"]])
def test_a_start_that_fails_leaves_nothing_behind(
    write: Run,
    allclient: Run,
    local: type[Local],
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    output: list[str],
) -> None:
    from allclient.errors import ServerNotInstalledError

    def missing(**_: Any) -> None:
        raise ServerNotInstalledError("no tritonserver here: use --server")

    monkeypatch.setattr("allclient.local.LocalServer", missing)
    done = allclient("classify", *write(a="benign"), *output)
    assert done.code == 3
    assert (done.out, done.err) == ("", "allclient: no tritonserver here: use --server\n")
    assert [path.name for path in folder.iterdir()] == ["a.jpg"]
    # So the next try is not refused.
    monkeypatch.setattr("allclient.local.LocalServer", local)
    assert allclient("classify", "a.jpg", *output).code == 0


def test_health(server: KServe, allclient: Run) -> None:
    done = allclient("health")
    assert done.code == 0
    assert done.out.splitlines() == [
        f"server   {server.address} (triton 2.51.0)",
        "live     yes",
        "ready    yes",
        "model    all_ensemble (version 1): ready",
    ]


def test_health_as_json(server: KServe, allclient: Run) -> None:
    server.model_ready = False
    done = allclient("health", "--format", "json")
    assert done.code == 3
    report = json.loads(done.out)
    assert (report["ok"], report["live"], report["model_ready"]) == (False, True, False)


def test_health_of_nobody(server: KServe, allclient: Run) -> None:
    server.stop()
    done = allclient("health")
    assert done.code == 3
    assert "live     no" in done.out
    assert "problem  no server answers at" in done.out
    assert json.loads(allclient("health", "--format", "json").out)["ok"] is False


def test_health_by_inference(server: KServe, allclient: Run) -> None:
    done = allclient("health", "--infer")
    assert done.code == 0, done.out
    assert done.out.splitlines()[-1] == "answered yes"
    assert server.asked == 1

    def fail(_: bytes) -> Any:
        raise Refused(grpc.StatusCode.INTERNAL, "the backbone is gone")

    server.respond = fail
    done = allclient("health", "--infer")
    assert done.code == 3
    assert "ready    yes" in done.out
    assert "answered no" in done.out
    assert "a drawn image was not classified: " in done.out
    report = json.loads(allclient("health", "--infer", "--format", "json").out)
    assert (report["ok"], report["inferred"]) == (False, False)


def test_health_of_several(server: KServe, allclient: Run) -> None:
    with KServe() as other:
        both = f"{server.address},{other.address}"
        done = allclient("health", "--server", both)
        assert done.code == 0
        assert [line for line in done.out.splitlines() if line.startswith("server")] == [
            f"server   {one.address} (triton 2.51.0)" for one in (server, other)
        ]
        other.stop()
        done = allclient("health", "--server", both, "--format", "json")
    assert done.code == 3
    reports = [json.loads(line) for line in done.out.splitlines()]
    assert [report["ok"] for report in reports] == [True, False]
