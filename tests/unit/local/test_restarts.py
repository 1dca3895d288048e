"""Dying, hanging, coming back and giving up, without a server."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from allclient.errors import (
    AllclientError,
    InferenceError,
    PortInUseError,
    ServerDiedError,
    ServerUnavailableError,
)
from allclient.local import causes, keeper, liveness, restarts, stubs
from allclient.local.keeper import Keeper
from allclient.local.liveness import Counts, Liveness
from allclient.local.restarts import Restarts
from allclient.local.server import NotReadyInTimeError
from tests.waiting import until

PATIENCE = 60


class TestRestarts:
    def test_pauses_grow_to_a_limit_and_then_it_is_given_up(self) -> None:
        counted = Restarts()
        pauses = [counted.pause_after(1.0) for _ in range(restarts.MAX_DEATHS)]
        assert pauses[:5] == [0.5, 1.0, 2.0, 4.0, 4.0]
        assert pauses[-1] is None
        assert set(pauses[5:-1]) <= {restarts.MAX_PAUSE}

    def test_a_long_life_begins_anew(self) -> None:
        counted = Restarts()
        for _ in range(100):
            assert counted.pause_after(1.0) == 0.5
            assert counted.pause_after(restarts.SHORT_LIFE) == 0.5
            counted = Restarts()
        for _ in range(restarts.MAX_DEATHS - 1):
            counted.pause_after(1.0)
        assert counted.pause_after(restarts.SHORT_LIFE) == 0.5
        assert counted.pause_after(1.0) == 1.0

    def test_a_useful_life_begins_anew(self) -> None:
        """As among many good images a few that end the server each time."""
        counted = Restarts()
        for _ in range(100):
            for _ in range(restarts.MAX_DEATHS - 2):
                assert counted.pause_after(1.0, answers=restarts.USEFUL_LIFE - 1) is not None
            assert counted.pause_after(1.0, answers=restarts.USEFUL_LIFE) == 0.5


class TestCauses:
    @pytest.mark.parametrize(
        ("status", "log", "said"),
        [
            (-signal.SIGSEGV, "", "tritonserver was ended by SIGSEGV (a crash)"),
            (-signal.SIGBUS, "", "tritonserver was ended by SIGBUS (a crash; often no room in"),
            (-signal.SIGKILL, "", "tritonserver was ended by SIGKILL (from outside)"),
            (
                -signal.SIGABRT,
                "what(): x",
                "tritonserver was ended by SIGABRT (a crash): what(): x",
            ),
            (-64, "", "tritonserver was ended by SIGRTMAX"),
            (
                0,
                "x\nSignal (15) received.\ny\n",
                "tritonserver was ended by SIGTERM (from outside)",
            ),
            (1, "one\nlast words\n", "tritonserver ended by itself with status 1: last words"),
        ],
    )
    def test_the_reason_is_said(self, status: int, log: str, said: str) -> None:
        found = causes.of("tritonserver", status, oom_kills_before=causes.oom_kills(), log=log)
        assert found.startswith(said)

    def test_the_kernel_is_suspected_where_it_has_killed_meanwhile(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        counters = tmp_path / "vmstat"
        monkeypatch.setattr(causes, "_COUNTERS", counters)
        assert causes.oom_kills() == 0
        counters.write_text("nr_free_pages 5\noom_kill 3\n")
        before = causes.oom_kills()
        assert before == 3
        counters.write_text("nr_free_pages 5\noom_kill 4\n")
        said = causes.of("tritonserver", -signal.SIGKILL, oom_kills_before=before)
        assert "most likely by the kernel for want of memory" in said
        assert "SIGSEGV" in causes.of("tritonserver", -signal.SIGSEGV, oom_kills_before=before)


PARENT = """
import os, subprocess, sys, time
while os.times().user == 0:  # until the kernel has counted a tick of it
    pass
children = [subprocess.Popen([sys.executable, "-c", "import time; print(1, flush=True); "
    "time.sleep(600)", "model.py", name, "DEFAULT"], stdout=subprocess.PIPE)
    for name in ("vote_0_0", "preprocess_0_1")]
for child in children:
    child.stdout.readline()
print(children[0].pid, children[1].pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
class TestStubs:
    @pytest.fixture
    def parent(self) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
        process = subprocess.Popen(
            [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        pids = [int(word) for word in process.stdout.readline().split()]
        yield process, pids
        process.kill()
        process.communicate()
        for pid in pids:
            subprocess.run(["kill", "-9", str(pid)], check=False, stderr=subprocess.DEVNULL)

    def test_they_are_found_and_their_ends_seen(self, parent: Any) -> None:
        process, pids = parent
        found = {stub.pid: stub for stub in stubs.find(process.pid)}
        assert [found[pid].model for pid in pids] == ["vote", "preprocess"]
        assert [found[pid].exit_status() for pid in pids] == [None, None]
        assert stubs.processor_seconds([process.pid, *pids]) > 0
        subprocess.run(["kill", "-SEGV", str(pids[0])], check=True)
        assert until(found[pids[0]].exit_status, "its end") == -signal.SIGSEGV
        late = {stub.pid: stub for stub in stubs.find(process.pid)}
        assert late[pids[0]].who == "a process of a model"
        assert late[pids[1]].who == "a process of the model preprocess"
        assert late[pids[0]].exit_status() == -signal.SIGSEGV
        assert found[pids[1]].exit_status() is None
        assert not found[pids[1]].is_stopped()
        subprocess.run(["kill", "-STOP", str(pids[1])], check=True)
        assert until(lambda: found[pids[1]].is_stopped(), "the stop")

    def test_those_that_go_with_their_server_are_not_the_reason(self, parent: Any) -> None:
        process, pids = parent
        (stub,) = (stub for stub in stubs.find(process.pid) if stub.pid == pids[0])
        process.kill()
        process.wait()
        subprocess.run(["kill", "-9", str(pids[0])], check=True)
        assert stub.exit_status() is None


class Server:
    """In the place of ``liveness.Server``."""

    def __init__(self, *models: str) -> None:
        self.models = models
        self.answered = dict.fromkeys((*models, "vote"), 10)
        self.failed = dict.fromkeys(models, 0)
        self.failing: set[str] = set()
        self.probed: list[str] = []
        self.hold = threading.Event()
        self.hold.set()

    def counts(self, model: str) -> Counts:
        return {name: (count, self.failed.get(name, 0)) for name, count in self.answered.items()}

    def classify(self, model: str) -> None:
        self.probed.append(model)
        self.hold.wait()
        if model in self.failing:
            raise InferenceError("Stub process 'vote_0_0' is not healthy")
        self.answered[model] += 1


class TestLiveness:
    @pytest.fixture
    def server(self) -> Iterator[Server]:
        server = Server("all_ensemble", "all_cascade")
        yield server
        server.hold.set()

    def test_an_idle_server_is_asked_now_and_then_each_model_in_turn(self, server: Server) -> None:
        assert Watched(server).trouble(120) is None
        assert 10 <= len(server.probed) <= 20
        assert server.probed[:4] == ["all_ensemble", "all_cascade"] * 2

    def test_a_busy_server_is_asked_nothing(self, server: Server) -> None:
        watched = Watched(server)
        watched.trouble(6)  # to know where it begins
        before = len(server.probed)
        for _ in range(100):
            server.answered = {model: count + 5 for model, count in server.answered.items()}
            server.failed["all_ensemble"] += 1  # a damaged file now and then
            assert watched.trouble(1) is None
        assert len(server.probed) == before

    def test_one_that_fails_at_each_image_is_noticed_soon(self, server: Server) -> None:
        """The ensemble fails; the cascade, and steps of the ensemble, work on."""
        watched = Watched(server)
        watched.trouble(60)
        server.failing.add("all_ensemble")
        found = None
        for _ in range(12):  # seconds
            server.answered["vote"] += 5
            server.answered["all_cascade"] += 5
            server.failed["all_ensemble"] += 5
            found = found or watched.trouble(1)
        assert found is not None
        assert "all_ensemble failed at 3 images (Stub process 'vote_0_0' is not" in found

    def test_damaged_files_alone_are_no_trouble(self, server: Server) -> None:
        watched = Watched(server)
        for _ in range(60):
            server.failed["all_ensemble"] += 5
            assert watched.trouble(1) is None
        assert "all_ensemble" in server.probed

    def test_a_single_failure_is_none(self, server: Server) -> None:
        watched = Watched(server)
        for _ in range(10):
            server.failing.add("all_ensemble")
            server.failed["all_ensemble"] += 1
            before = len(server.probed)
            while "all_ensemble" not in server.probed[before:]:
                assert watched.trouble(0.5) is None
            server.failing.clear()
            assert watched.trouble(30) is None

    def test_answers_are_those_of_the_models_that_clients_ask(self, server: Server) -> None:
        assert Liveness(server, lambda: 0.0, tick=0.5).answers() == 20  # type: ignore[arg-type]

    def test_answers_of_a_server_that_is_gone_are_those_of_the_last_look(
        self, server: Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def gone(_: str) -> Counts:
            raise ServerUnavailableError("gone")

        watched = Watched(server)
        watched.trouble(6)
        monkeypatch.setattr(server, "counts", gone)
        assert watched.liveness.answers() >= 20
        assert Liveness(server, lambda: 0.0, tick=0.5).answers() == 0  # type: ignore[arg-type]

    def test_a_hanging_server_is_noticed_by_its_idleness(self, server: Server) -> None:
        server.hold.clear()
        assert Watched(server).trouble(liveness.IDLE_LIMIT - 1) is None
        said = Watched(server).trouble(liveness.IDLE_LIMIT + 2)
        assert said == "tritonserver runs, and has answered nothing for 20 s"

    def test_a_busy_one_gets_more_time_and_as_long_as_it_answers_any(self, server: Server) -> None:
        server.hold.clear()
        used = 0.0

        def busy() -> float:
            nonlocal used
            used += 1.0
            return used

        assert Watched(server, busy).trouble(liveness.BUSY_LIMIT - 1) is None
        watched = Watched(server, busy)
        for _ in range(20):
            server.answered["vote"] += 1
            assert watched.trouble(60) is None
        said = watched.trouble(2 * liveness.BUSY_LIMIT)
        assert said == "tritonserver is busy, and has answered nothing for 180 s"


class Watched:
    """Ticks as fast as the looks are done; a look that hangs goes on hanging."""

    def __init__(self, server: Server, used: Callable[[], float] = lambda: 0.0) -> None:
        self.liveness = Liveness(server, used, tick=0.5)  # type: ignore[arg-type]
        self.server = server

    def trouble(self, seconds: float) -> str | None:
        for _ in range(int(seconds / 0.5)):
            if found := self.liveness.trouble():
                return found
            look = self.liveness._check
            if look is not None and self.server.hold.is_set():
                look.done.wait(PATIENCE)
        return None


class Triton:
    """In the place of ``TritonServer``: dies when the test says so, and starts as it says."""

    grpc_address = "127.0.0.1:1"
    answering = ("all_ensemble",)
    admin_headers: dict[str, str] = {}  # noqa: RUF012
    client_tls = None
    stubs = ()

    def __init__(self, *starts: AllclientError | None) -> None:
        self.starts = list(starts)
        self.cleared = 0
        self.die = threading.Event()
        self.pid = 1

    @property
    def process(self) -> Any:
        return SimpleNamespace(pid=self.pid, wait=self.wait)

    def wait(self, timeout: float) -> int | None:
        return -signal.SIGSEGV if self.die.wait(timeout) else None

    def log_text(self) -> str:
        return ""

    def clear(self) -> Path:
        self.cleared += 1
        return Path("/tmp/kept.log")

    def start_again(self) -> None:
        error = self.starts.pop(0) if self.starts else None
        if error is not None:
            raise error
        self.pid += 1
        if self.starts:
            return  # dead already
        self.die.clear()


class TestKeeper:
    @pytest.fixture(autouse=True)
    def _quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(restarts, "FIRST_PAUSE", 0.001)
        monkeypatch.setattr(restarts, "MAX_PAUSE", 0.001)  # TestRestarts has how they grow
        monkeypatch.setattr(liveness, "Server", lambda *_: Server("all_ensemble"))
        monkeypatch.setattr(Server, "close", lambda _: None, raising=False)
        monkeypatch.setattr(keeper, "_TICK", 0.01)

    def keep(self, triton: Triton) -> tuple[Keeper, list[str], list[ServerDiedError]]:
        said: list[str] = []
        lost: list[ServerDiedError] = []
        kept = Keeper(triton, said.append, lost.append)  # type: ignore[arg-type]
        kept.start()
        return kept, said, lost

    def test_a_death_is_said_and_mended(self) -> None:
        triton = Triton()
        kept, said, lost = self.keep(triton)
        triton.die.set()
        until(lambda: len(said) == 2, "both words")
        kept.stop()
        kept.join()
        assert said[0] == (
            "tritonserver was ended by SIGSEGV (a crash) (log: /tmp/kept.log); "
            "starting it again in 0.001 s"
        )
        assert re.fullmatch(r"the server is ready again after \d+\.\d s \(process 2\)", said[1])
        assert (triton.cleared, lost, kept.failure) == (1, [], None)

    def test_starts_that_fail_count_as_deaths(self) -> None:
        triton = Triton(*[PortInUseError("port 1 is in use")] * 99)
        kept, said, lost = self.keep(triton)
        triton.die.set()
        kept.join()
        assert lost == [kept.failure]
        assert f"died {restarts.MAX_DEATHS} times in a row" in str(kept.failure)
        assert "port 1 is in use (log: /tmp/kept.log)" in str(kept.failure)
        assert len(said) == triton.cleared - 1 == restarts.MAX_DEATHS - 1
        kept.wait(None)  # over

    def test_again_and_again_ends_it(self) -> None:
        triton = Triton(*[None] * 99)
        kept, said, _ = self.keep(triton)
        triton.die.set()
        kept.join()
        assert "each time within 60 s; it is not started again. The last time" in str(kept.failure)
        assert sum("ready again" in words for words in said) == restarts.MAX_DEATHS - 1
        assert kept.last_status == -signal.SIGSEGV

    def test_a_start_that_is_never_ready_ends_it_at_once(self) -> None:
        triton = Triton(NotReadyInTimeError("not within 120 s"))
        kept, said, lost = self.keep(triton)
        triton.die.set()
        kept.join()
        assert str(lost[0]).endswith("not started again: not within 120 s")
        assert len(said) == 1

    def test_stopping_ends_a_pause(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(restarts, "FIRST_PAUSE", 3600.0)
        monkeypatch.setattr(restarts, "MAX_PAUSE", 3600.0)
        triton = Triton()
        kept, said, lost = self.keep(triton)
        triton.die.set()
        until(lambda: said, "a word")
        kept.stop()
        kept.join()
        assert (triton.pid, lost) == (1, [])

    def test_deaths_after_useful_lives_are_not_counted(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The last look counts where the server is gone before it could be asked."""
        monkeypatch.setattr(Liveness, "answers", lambda _: restarts.USEFUL_LIFE)
        triton = Triton(*[None] * 30)
        kept, said, lost = self.keep(triton)
        triton.die.set()
        until(lambda: len(said) == 60, "all words")
        kept.stop()
        kept.join()
        assert (len(said), lost) == (60, [])

    def test_what_nobody_foresaw_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(_: Any) -> Any:
            raise RuntimeError("unforeseen")

        monkeypatch.setattr(Triton, "clear", broken)
        triton = Triton()
        kept, _, lost = self.keep(triton)
        triton.die.set()
        kept.join()
        assert "RuntimeError('unforeseen')" in str(lost[0])
