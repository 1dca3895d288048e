"""Which steps of a release run, run again and are left alone. Their commands are not run here."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from training.data import gathered
from training.release import conduct
from training.release.conduct import release
from training.release.options import PHASES, RECORDS, Options, ReleaseError
from training.release.stamps import Stamps
from training.release.steps import Step, command, proof_images

NAMES = ("mobilenet", "xception", "inception_v3")
ALL = [
    "split",
    *(f"fit-{name}" for name in NAMES),
    *(f"convert-{name}" for name in NAMES),
    *PHASES[3:],
]
LISTING = "path,split\n" + "".join(
    f"{kind}/{n}.jpg,test\n" for kind in ("Benign", "Pro") for n in range(4)
)


class Runner:
    """Writes what a step has to write, and remembers that it ran."""

    def __init__(self, fails: str = "") -> None:
        self.ran: list[str] = []
        self.fails = fails

    def __call__(self, step: Step) -> int:
        self.ran.append(step.name)
        if step.name == self.fails:
            return 1
        text = Stamps.digest(step)  # so that other inputs give other outputs
        if step.name == "split":
            text = LISTING + text
        for path in step.writes:
            file = path if path.suffix else path / "split.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return 0


@pytest.fixture
def options(folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Options:
    place = tmp_path_factory.mktemp("release")
    (place / "start").mkdir()
    for name in NAMES:
        (place / "start" / f"{name}.keras").write_text(name)
    return Options(folders, place / "out", place / "start")


@pytest.fixture
def ran(options: Options) -> Callable[..., list[str]]:
    """Makes the release, with changed options, and returns the steps that ran."""

    def make(redo: str | None = None, **changes: object) -> list[str]:
        runner = Runner()
        release(dataclasses.replace(options, **changes), str, redo=redo, start=runner)
        return runner.ran

    return make


def test_every_step_runs_once_and_then_none(ran: Callable[..., list[str]]) -> None:
    assert ran() == ALL
    assert ran() == []


def test_a_failed_step_is_named_and_the_next_run_goes_on_from_it(
    options: Options, ran: Callable[..., list[str]]
) -> None:
    runner = Runner(fails="convert-xception")
    with pytest.raises(ReleaseError, match=r"convert-xception did not finish \(exit code 1\)"):
        release(options, str, start=runner)
    assert runner.ran == ALL[: ALL.index("convert-xception") + 1]
    assert ran() == ALL[ALL.index("convert-xception") :]


def test_a_full_disk_is_named_with_the_step(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conduct, "SCARCE", shutil.disk_usage("/").total * 1000)
    with pytest.raises(ReleaseError, match=r"The disk of .* is full \(\d+ MB are free\)"):
        release(options, str, start=Runner(fails="split"))


@pytest.mark.parametrize(
    ("changes", "again"),
    [({"proof": 3}, ["serve"]), ({"views": 1}, ALL[1:]), ({"min_images": 4}, ALL)],
    ids=str,
)
def test_a_changed_option_redoes_what_depends_on_it(
    changes: dict[str, object], again: list[str], ran: Callable[..., list[str]]
) -> None:
    ran()
    assert ran(**changes) == again
    assert ran(**changes) == []


def test_a_changed_image_redoes_everything(options: Options, ran: Callable[..., list[str]]) -> None:
    ran()
    next(options.data.rglob("*.jpg")).write_bytes(b"another picture")
    assert ran() == ALL


def test_changed_starting_weights_redo_one_backbone_and_what_joins_all(
    options: Options, ran: Callable[..., list[str]]
) -> None:
    ran()
    (options.start / "xception.keras").write_text("other weights")
    assert ran() == ["fit-xception", "convert-xception", *PHASES[3:]]


def test_what_is_gone_is_made_again(options: Options, ran: Callable[..., list[str]]) -> None:
    ran()
    shutil.rmtree(options.out / "models")
    assert ran() == ["repository"]  # with the same content as before


def test_a_changed_policy_reaches_what_is_made_of_it(
    options: Options, ran: Callable[..., list[str]]
) -> None:
    ran()
    (options.out / "policy.json").write_text("by hand")
    assert ran() == ["evaluate", "repository", "serve", "report"]


@pytest.mark.parametrize("phase", PHASES)
def test_from_redoes_the_step_and_all_after_it(phase: str, ran: Callable[..., list[str]]) -> None:
    ran()
    first = next(at for at, name in enumerate(ALL) if name.startswith(phase))
    assert ran(redo=phase) == ALL[first:]


def test_a_cut_stamp_counts_for_nothing(options: Options, ran: Callable[..., list[str]]) -> None:
    ran()
    (options.out / RECORDS / "serve.json").write_text('{"step": "se')
    assert ran() == ["serve"]


def test_old_output_is_gone_when_a_step_begins(options: Options) -> None:
    release(options, str, start=Runner())

    def look(step: Step) -> int:
        assert not any(path.exists() for path in step.writes)
        return Runner()(step)

    release(options, str, redo="split", start=look)


def test_folders_that_cannot_be_those_of_a_release_are_refused(
    options: Options, tmp_path_factory: pytest.TempPathFactory
) -> None:
    full = tmp_path_factory.mktemp("full")
    (full / "models").mkdir()
    empty = tmp_path_factory.mktemp("empty")
    for changes, told in (
        ({"out": options.data / "out"}, "write to a folder outside of it"),
        ({"out": options.data}, "write to a folder outside of it"),
        ({"out": full}, "no release was written there"),
        ({"data": empty}, "is empty"),
        ({"start": empty}, "neither mobilenet.keras nor mobilenet.weights.h5"),
    ):
        with pytest.raises(ReleaseError, match=told):
            release(dataclasses.replace(options, **changes), str, start=Runner())
    assert (full / "models").is_dir()


def test_start_takes_bare_weights_too(options: Options) -> None:
    (options.start / "xception.keras").rename(options.start / "xception.weights.h5")
    assert options.start_of("xception").name == "xception.weights.h5"


def test_command_lines() -> None:
    words = command("training fit", Path("a"), min_images=3, level=None, own_images=True)
    assert words == ("training", "fit", "a", "--min-images", "3", "--own-images")


def test_test_images_are_taken_from_all_over_the_listing(tmp_path: Path) -> None:
    split = tmp_path / "split.csv"
    split.write_text(LISTING + "Pre/1.jpg,train\n")
    assert [path.parent.name for path in proof_images(split, 2)] == ["Benign", "Pro"]
    assert len(proof_images(split, 100)) == 8


def test_the_images_behind_the_links_are_never_removed(
    folders: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("release") / "links"
    images = sorted(folders.rglob("*.jpg"))
    names = [path.relative_to(folders).as_posix() for path in images]
    gathered.write(folders, root, [{"path": name, "split": "train"} for name in names])
    assert (root / names[0]).read_bytes() == images[0].read_bytes()
    step = Step("split", "", ("training", "split"), (), (root,))
    Stamps(root.parent / RECORDS).begin(step)
    assert not root.exists()
    assert sorted(folders.rglob("*.jpg")) == images


SLEEPS = """
from training.release import conduct
from training.release.steps import Step
with conduct._ended_by_sigterm():
    words = ("timeit", "-n", "1", "-r", "1", "print(flush=True); __import__('time').sleep(600)")
    conduct.started(Step("fit-mobilenet", "", words, (), ()))
"""


def test_sigterm_ends_the_running_step_too() -> None:
    words = [sys.executable, "-c", SLEEPS]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=conduct.ROOT) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the step runs
        (step,) = psutil.Process(process.pid).children()
        process.terminate()
        assert process.wait(60) == 143
        step.wait(60)
        assert not step.is_running()
