"""The manifests: rendered by kubectl, held against Kubernetes' schemas and against our programs."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

yaml = pytest.importorskip("yaml")

import allclient
from allclient.cli.group import cli

ROOT = Path(__file__).resolve().parents[3]
KUBERNETES = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("cpu", "gpu", "web", "pacs")
WORKLOADS = ("Deployment", "StatefulSet")


def render(folder: Path) -> list[dict[str, Any]]:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")
    done = subprocess.run(
        [program, "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def rendered() -> dict[str, list[dict[str, Any]]]:
    return {name: render(KUBERNETES / "overlays" / name) for name in OVERLAYS}


@pytest.fixture(scope="module")
def objects(rendered: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [one for overlay in rendered.values() for one in overlay]


def workloads(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = [one for one in objects if one["kind"] in WORKLOADS]
    assert found
    return found


def pods(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in workloads(objects):
        yield one["metadata"]["name"], one["spec"]["template"]["spec"]


def containers(objects: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, pod in pods(objects):
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            yield f"{name}/{container['name']}", container


def test_the_schemas_know_every_object_and_every_field(objects: list[dict[str, Any]]) -> None:
    validate = pytest.importorskip("kubernetes_validate")
    for one in objects:
        validate.validate(one, desired_version="1.31", strict=True)
    broken = {**workloads(objects)[0], "sepc": {}}
    with pytest.raises(validate.ValidationError):
        validate.validate(broken, desired_version="1.31", strict=True)


def test_everything_is_in_one_namespace(objects: list[dict[str, Any]]) -> None:
    for one in objects:
        if one["kind"] != "Namespace":
            assert one["metadata"]["namespace"] == "allclient", one["metadata"]["name"]


def test_pods_have_few_rights_and_limits(objects: list[dict[str, Any]]) -> None:
    for name, pod in pods(objects):
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] >= 10000, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        assert "hostNetwork" not in pod, name
    for name, container in containers(objects):
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True, name
        assert security["allowPrivilegeEscalation"] is False, name
        assert security["capabilities"] == {"drop": ["ALL"]}, name
        for kind in ("requests", "limits"):
            assert {"cpu", "memory", "ephemeral-storage"} <= set(container["resources"][kind]), name


def test_every_container_is_probed_and_a_server_by_an_inference(
    objects: list[dict[str, Any]],
) -> None:
    for name, pod in pods(objects):
        (container,) = pod["containers"]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert container[probe], name
        if container["name"] != "server":
            continue
        assert "--infer" in container["readinessProbe"]["exec"]["command"]
        assert "--infer" not in container["livenessProbe"]["exec"]["command"]
        pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
        assert 0 < pause < pod["terminationGracePeriodSeconds"]
        assert {"/tmp", "/dev/shm"} <= {one["mountPath"] for one in container["volumeMounts"]}


def test_our_programs_take_the_commands_and_options(objects: list[dict[str, Any]]) -> None:
    assert try_commands(objects) > 8


def try_commands(objects: list[dict[str, Any]]) -> int:
    """Fails for a command or an option that there is not; nothing is run."""
    tried = 0
    for _, container in containers(objects):
        lines = [container.get("args", [])]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            lines.append(container.get(probe, {}).get("exec", {}).get("command", []))
        for line in lines:
            words = line[line.index("allclient") + 1 :] if "allclient" in line else line
            if words and words[0] in ("serve", "web", "pacs", "health"):
                parse(cli, [str(word) for word in words])
                tried += 1
    return tried


def parse(command: click.Command, words: list[str]) -> None:
    context = click.Context(command)
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, words
        command, words = found, words[1:]
    command.make_context(command.name, list(words))


def test_the_gateways_configuration_is_one_that_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configuration = pytest.importorskip("allclient.pacs.config")
    loaded = configuration.load(KUBERNETES / "overlays" / "pacs" / "pacs.toml")
    text = (KUBERNETES / "overlays" / "pacs" / "pacs.yaml").read_text()
    allowed = set(re.findall(r"cidr: ([\d.]+)/32", text))
    assert allowed == {peer.host for peer in loaded.peers}
    assert str(loaded.node.port) in text
    assert loaded.triton.address == "allclient-server:8001"


def test_services_and_policies_choose_pods_that_there_are(objects: list[dict[str, Any]]) -> None:
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in workloads(objects)]
    others = [{"cnpg.io/cluster": "allclient-database"}]  # the operator's, alternatives/
    chosen = [one["spec"]["selector"] for one in objects if one["kind"] == "Service"]
    chosen += [
        one["spec"]["selector"]["matchLabels"]
        for one in objects
        if one["kind"] == "PodDisruptionBudget"
    ]
    for policy in (one for one in objects if one["kind"] == "NetworkPolicy"):
        chosen.append(policy["spec"]["podSelector"].get("matchLabels", {}))
        for rule in policy["spec"].get("egress", ()):
            chosen += [
                to["podSelector"]["matchLabels"]
                for to in rule.get("to", ())
                if "podSelector" in to and "namespaceSelector" not in to
            ]
    assert len(chosen) > 12
    for selector in chosen:
        assert any(selector.items() <= one.items() for one in [*labels, *others]), selector


def test_ports_of_services_are_ports_of_containers(objects: list[dict[str, Any]]) -> None:
    names = {
        (one["metadata"]["name"], port["name"])
        for one in workloads(objects)
        for container in one["spec"]["template"]["spec"]["containers"]
        for port in container["ports"]
    }
    for service in (one for one in objects if one["kind"] == "Service"):
        for port in service["spec"]["ports"]:
            assert (service["metadata"]["name"], port["targetPort"]) in names


def test_what_an_old_server_would_guess_is_said(objects: list[dict[str, Any]]) -> None:
    """Kubernetes 1.20 takes no server-side apply without it."""
    ports = [port for one in objects if one["kind"] == "Service" for port in one["spec"]["ports"]]
    for name, container in containers(objects):
        ports += container.get("ports", ())
        for amounts in container["resources"].values():
            assert all(isinstance(amount, str) for amount in amounts.values()), name
    assert {port["protocol"] for port in ports} == {"TCP"}


def test_nothing_talks_unless_a_policy_says_so(rendered: dict[str, list[dict[str, Any]]]) -> None:
    for name in ("cpu", "gpu"):
        policies = {
            one["metadata"]["name"]: one["spec"]
            for one in rendered[name]
            if one["kind"] == "NetworkPolicy"
        }
        assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        assert policies["server"]["egress"] == []


def test_images_are_of_this_version_and_have_a_tag(objects: list[dict[str, Any]]) -> None:
    images = {container["image"] for _, container in containers(objects)}
    assert {image.partition(":")[0] for image in images} == {
        "allclient-cpu",
        "allclient-gpu",
        "allclient-convert",
        "allclient-apps",
    }
    for image in images:
        assert image.partition(":")[2].split("-")[0] == allclient.__version__, image
    release = re.search(r"TRITON_RELEASE:-([\d.]+)", (ROOT / "docker-compose.yml").read_text())
    assert release is not None
    assert {image for image in images if "26." in image} == {
        f"allclient-{kind}:{allclient.__version__}-{release[1]}" for kind in ("gpu", "convert")
    }


@pytest.mark.parametrize("component", ["tls", "models"])
def test_a_component_fits_the_servers(tmp_path: Path, component: str) -> None:
    shutil.copytree(KUBERNETES, tmp_path / "kubernetes")
    folder = tmp_path / "kubernetes" / "own"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
        f"resources: [../overlays/cpu]\ncomponents: [../components/{component}]\n"
    )
    objects = render(folder)
    assert try_commands(objects) == 4
    ((_, container),) = containers(objects)
    mounts = {one["name"]: one for one in container["volumeMounts"]}
    assert mounts[component]["readOnly"] is True


def test_alternatives_fit_what_the_overlays_have(objects: list[dict[str, Any]]) -> None:
    """Their kinds are of operators, whose schemas are not here."""
    keda, kserve, postgresql = (
        yaml.safe_load((KUBERNETES / "alternatives" / f"{name}.yaml").read_text())
        for name in ("keda", "kserve", "postgresql")
    )
    names = {one["metadata"]["name"] for one in workloads(objects)}
    assert keda["spec"]["scaleTargetRef"]["name"] in names
    assert postgresql["metadata"]["name"] == "allclient-database"
    (container,) = kserve["spec"]["predictor"]["containers"]
    assert container["image"] == f"allclient-cpu:{allclient.__version__}"
    parse(cli, container["args"])
