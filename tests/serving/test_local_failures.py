"""A server that cannot start says which model, which file and why, and leaves only its log."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from allclient.errors import ServerStartError
from allclient.local import LocalServer, ports
from allclient.local.ports import Ports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODELS = Path(__file__).resolve().parents[2] / "model_repository"


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


FAILURES = {
    "no model folder": (
        lambda r: shutil.rmtree(r / "xception"),
        "all_ensemble: .*not available.*xception",
    ),
    "no version folder": (
        lambda r: shutil.rmtree(r / "xception" / "1"),
        "xception.*at least one version must be available",
    ),
    "no model.xml": (
        lambda r: (r / "xception/1/model.xml").unlink(),
        "xception: .*{models}/xception/1/model.xml is missing",
    ),
    "broken IR": (
        lambda r: (r / "mobilenet/1/model.xml").write_text("<net garbage"),
        "mobilenet: .*OpenVINO cannot read {models}/mobilenet/1/model.xml",
    ),
    "config that is no config": (
        lambda r: replace(r / "vote/config.pbtxt", 'backend: "python"', "backend: python {"),
        "vote: .*{models}/vote/config.pbtxt .*Expected string, got: python",
    ),
    "backend that is not here": (
        lambda r: replace(r / "mobilenet/config.pbtxt", '"openvino"', '"tensorrt"'),
        "mobilenet: .*'tensorrt'.*container",
    ),
    "exception in a model": (
        lambda r: (r / "vote/1/policy.json").write_text("{"),
        "vote: .*{models}/vote/1/policy.json: the policy is not JSON",
    ),
}


@pytest.fixture(autouse=True)
def _nothing_left(server: LocalServer) -> Iterator[None]:
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) <= before


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A copy of the model repository to spoil."""
    copy = tmp_path / "models"
    shutil.copytree(MODELS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.mark.parametrize("name", FAILURES)
def test_the_message_names_the_model_and_the_reason(name: str, models: Path) -> None:
    spoil, expected = FAILURES[name]
    spoil(models)
    one = LocalServer(models)
    with pytest.raises(ServerStartError) as caught:
        one.start()
    message = str(caught.value)
    assert re.search(expected.replace("{models}", re.escape(str(models))), message), message
    assert one.log_path is not None
    assert str(one.log_path) in message
    # Triton's table of models; its last words may be cut off, since it is stopped once it failed.
    assert "| Model " in one.log_path.read_text()
    one.log_path.unlink()


def test_a_server_that_is_not_ready_in_time_is_stopped() -> None:
    one = LocalServer(MODELS, ready_timeout=0.2)
    begun = time.monotonic()
    with pytest.raises(ServerStartError, match=r"within 0\.2 s"):
        one.start()
    assert time.monotonic() - begun < 110  # not the 120 s of the default
    assert one.log_path is not None
    one.log_path.unlink()


def test_a_port_lost_after_it_was_chosen_is_chosen_anew(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = int(server.grpc_address.rpartition(":")[2])
    choose: Callable[[str, Ports], Ports] = ports.choose
    choices = []

    def lose_the_first(address: str, asked: Ports) -> Ports:
        chosen = choose(address, asked)
        choices.append(chosen._replace(grpc=taken) if not choices else chosen)
        return choices[-1]

    monkeypatch.setattr(ports, "choose", lose_the_first)
    with LocalServer(MODELS) as other:
        assert len(choices) == 2
        assert other.grpc_address != server.grpc_address
