"""Model repository, flavour, ports, folders: what is checked before a server is started."""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from allclient.errors import (
    ConfigurationError,
    LocalServerError,
    PortInUseError,
    ServerNotInstalledError,
)
from allclient.local import (
    LocalServer,
    flavours,
    numpy2,
    ports,
    repository,
    sharedmemory,
    supervisor,
    workfolder,
)
from allclient.local.binaries import Binaries
from allclient.local.flavours import Needs
from allclient.local.layout import Layout
from allclient.local.ports import Ports

ROOT = Path(__file__).resolve().parents[3]


def make_repository(folder: Path) -> Path:
    for model in ("all_ensemble", "mobilenet"):
        (folder / model).mkdir(parents=True)
        (folder / model / "config.pbtxt").touch()
    return folder


class TestRepository:
    def test_the_argument_comes_first_then_the_variable_then_the_checkout(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given, variable = make_repository(tmp_path / "a"), make_repository(tmp_path / "b")
        monkeypatch.setenv("ALLCLIENT_MODEL_REPOSITORY", str(variable))
        assert repository.find(given) == given
        assert repository.find(None) == variable
        monkeypatch.delenv("ALLCLIENT_MODEL_REPOSITORY")
        assert repository.find(None) == ROOT / "model_repository"

    def test_none_at_all(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ALLCLIENT_MODEL_REPOSITORY", raising=False)
        monkeypatch.setattr(repository, "__file__", str(tmp_path / "a/b/c/repository.py"))
        with pytest.raises(ConfigurationError, match=r"--model-repository.*ALLCLIENT_MODEL_REPOS"):
            repository.find(None)

    def test_a_folder_that_is_none_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(ConfigurationError, match="nowhere is not a folder"):
            LocalServer(tmp_path / "nowhere")
        monkeypatch.setenv("ALLCLIENT_MODEL_REPOSITORY", str(tmp_path))
        with pytest.raises(ConfigurationError, match=r"ALLCLIENT_MODEL_REPOSITORY.*all_ensemble"):
            LocalServer()

    def test_a_repository_need_not_have_the_cascade(self, tmp_path: Path) -> None:
        models = make_repository(tmp_path)
        assert repository.answering(models, None) == ["all_ensemble"]
        assert repository.answering(models, "all_ensemble") == ["all_ensemble"]
        with pytest.raises(ConfigurationError, match=r"no model 'all_cascade'.*all_ensemble"):
            LocalServer(models, model="all_cascade")
        with pytest.raises(ConfigurationError, match="no model 'mobilenet'"):
            LocalServer(models, model="mobilenet")
        both = ["all_ensemble", "all_cascade"]
        assert repository.answering(ROOT / "model_repository", None) == both

    def test_an_unknown_flavour_is_told_which_there_are(self, tmp_path: Path) -> None:
        models = make_repository(tmp_path)
        (models / "mobilenet" / "configs").mkdir()
        (models / "mobilenet" / "configs" / "savedmodel.pbtxt").touch()
        assert LocalServer(models, flavour="savedmodel").flavour == "savedmodel"
        assert LocalServer(models, flavour="default").flavour is None
        assert LocalServer(models).flavour is None
        with pytest.raises(ConfigurationError, match=r"'gpu'.* has default, savedmodel"):
            LocalServer(models, flavour="gpu")

    def test_what_a_flavour_needs_is_read_from_the_configurations_it_takes(
        self, tmp_path: Path
    ) -> None:
        models = make_repository(tmp_path)
        (models / "mobilenet" / "configs").mkdir()
        (models / "mobilenet" / "config.pbtxt").write_text('backend: "openvino" # KIND_GPU\n')
        special = models / "mobilenet" / "configs" / "gpu_onnx.pbtxt"
        special.write_text(
            'backend: "onnxruntime"\ndefault_model_filename: "model.onnx"\n'
            "instance_group [ { kind: KIND_GPU } ]\n"
        )
        assert flavours.needs(models, None) == Needs(frozenset({"openvino"}), gpu=False)
        (models / "mobilenet" / "1").mkdir()
        with pytest.raises(
            ConfigurationError,
            match=r"mobilenet/1/model\.onnx is missing.*'gpu_onnx'.*python -m convert onnx --all",
        ):
            LocalServer(models, flavour="gpu_onnx")
        (models / "mobilenet" / "1" / "model.onnx").touch()
        found = flavours.needs(models, "gpu_onnx")
        assert found == Needs(frozenset({"onnxruntime"}), gpu=True)
        special.write_text('backend: "tensorrt"\n')
        with pytest.raises(ConfigurationError, match=r"no TensorRT.*'gpu_onnx'.*container"):
            LocalServer(models, flavour="gpu_onnx")


class TestPorts:
    def test_free_ones_differ_from_each_other_and_from_those_given(self) -> None:
        given = ports.choose("127.0.0.1", Ports(0, 0, 0))
        assert len(set(given)) == 3
        chosen = ports.choose("127.0.0.1", Ports(0, given.http, 0))
        assert chosen.http == given.http
        assert len(set(chosen)) == 3

    def test_what_is_not_asked_for_gets_none(self) -> None:
        assert ports.choose("127.0.0.1", Ports(0))[1:] == (None, None)

    def test_held_ones_are_refused_to_others_and_taken_by_who_may_share(self) -> None:
        chosen = ports.choose("127.0.0.1", Ports(0, None, 0))
        with ports.hold("127.0.0.1", chosen), socket.socket() as other:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", chosen.grpc))
            with pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", chosen.grpc))
            # As Triton does.
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(("127.0.0.1", chosen.grpc))
            other.listen()
            socket.create_connection(("127.0.0.1", chosen.grpc)).close()
            with pytest.raises(PortInUseError, match=rf"port {chosen.grpc} .*--grpc-port"):
                ports.hold("127.0.0.1", chosen)
        ports.hold("127.0.0.1", chosen).close()

    def test_one_in_use_is_named_with_the_way_out(self) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            with pytest.raises(PortInUseError, match=f"port {port} on 127.0.0.1.*--http-port"):
                ports.choose("127.0.0.1", Ports(0, port, 0))

    def test_the_same_twice(self) -> None:
        with pytest.raises(ConfigurationError, match="need different ports, not 9001, 9001"):
            ports.choose("127.0.0.1", Ports(9001, 9001, 0))

    @pytest.mark.parametrize("port", [-1, 65536])
    def test_one_that_is_no_port(self, port: int) -> None:
        with pytest.raises(ConfigurationError, match=str(port)):
            ports.choose("127.0.0.1", Ports(port, 0, 0))

    def test_an_address_of_another_machine(self) -> None:
        with pytest.raises(ConfigurationError, match=r"192\.0\.2\.1 is not an address"):
            ports.choose("192.0.2.1", Ports(0, 0, 0))

    def test_names_and_addresses(self) -> None:
        assert ports.resolve("localhost") == "127.0.0.1"
        assert ports.reachable("0.0.0.0") == "127.0.0.1"
        assert ports.reachable("127.0.0.1") == "127.0.0.1"
        for host in ("::1", "no such host", ""):
            with pytest.raises(ConfigurationError, match="--host"):
                ports.resolve(host)


class TestWorkFolder:
    def test_it_is_private_and_goes_with_its_shared_memory(self) -> None:
        folder = workfolder.create()
        assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
        left = supervisor.SHARED_MEMORY / f"{folder.shm_prefix}left"
        left.touch()
        folder.remove()
        assert not left.exists()
        assert not folder.path.exists()

    def test_a_base_that_needs_quotes_is_passed_over(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        awkward = tmp_path / "it's; here"
        awkward.mkdir()
        plain = tmp_path / "plain"
        plain.mkdir()
        monkeypatch.setattr(workfolder, "_bases", lambda: iter([awkward, plain]))
        folder = workfolder.create()
        assert folder.path.parent == plain
        folder.remove()
        monkeypatch.setattr(workfolder, "_bases", lambda: iter([awkward, tmp_path / "none"]))
        with pytest.raises(LocalServerError, match=r"it's; here .*quotes.*none .*No such file"):
            workfolder.create()

    def test_the_living_stay_and_the_dead_are_swept(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(workfolder, "_bases", lambda: iter([tmp_path]))
        living, dead = workfolder.create(), workfolder.create()
        os.close(dead.lock)
        other = tmp_path / "allclient-other"
        other.mkdir()
        workfolder.sweep()
        assert living.path.exists()
        assert not dead.path.exists()
        assert other.exists()
        with (living.path / "lock").open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        living.remove()


class TestEnvironment:
    def test_nothing_of_the_users_python_reaches_the_server(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "BASH_ENV"):
            monkeypatch.setenv(name, "/hostile")
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
        found = Binaries(*[tmp_path / name for name in ("s", "p", "stub", "libs")], None, ())
        needs = Needs(frozenset({"openvino"}), gpu=False)
        layout = Layout(tmp_path / "work", found, tmp_path, needs)
        variables = layout.variables()
        assert "/hostile" not in ":".join(variables.values()).split(":")
        assert variables["OMP_NUM_THREADS"] == "1"
        assert variables["PATH"].startswith(f"{layout.work}/environment/bin{os.pathsep}")
        assert variables["CUDA_VISIBLE_DEVICES"] == ""
        assert variables["MALLOC_ARENA_MAX"] == "2"
        monkeypatch.setenv("MALLOC_ARENA_MAX", "16")
        assert layout.variables()["MALLOC_ARENA_MAX"] == "16"
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
        on_gpu = Layout(tmp_path / "work", found, tmp_path, Needs(frozenset(), gpu=True))
        assert on_gpu.variables()["CUDA_VISIBLE_DEVICES"] == "1"

    def test_a_gpus_driver_is_found_where_the_user_says_after_the_servers_own_libraries(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = Binaries(*[tmp_path / name for name in ("s", "p", "stub", "libs")], None, ())
        on_gpu = Layout(tmp_path / "work", found, tmp_path, Needs(frozenset(), gpu=True))
        own = f"{on_gpu.work / 'lib'}:{found.libraries}"
        monkeypatch.setenv("LD_LIBRARY_PATH", "/usr/local/nvidia/lib64")
        assert on_gpu.variables()["LD_LIBRARY_PATH"] == f"{own}:/usr/local/nvidia/lib64"
        monkeypatch.delenv("LD_LIBRARY_PATH")
        assert on_gpu.variables()["LD_LIBRARY_PATH"] == own

    @pytest.mark.parametrize("place", ["packages", "Müller"])
    def test_the_environment_has_the_packages_and_no_more(
        self, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The Python in the stub takes paths of ASCII alone: it gets links to the others."""
        packages = tmp_path / place
        packages.mkdir()
        monkeypatch.setattr(sys, "base_prefix", str(packages))
        backend = tmp_path / "python"
        backend.mkdir()
        for name in ("libtriton_python.so", "triton_python_backend_utils.py"):
            (backend / name).touch()
        stub = tmp_path / "stub"
        # With NumPy 2 the layout adapts the stub, and takes only one that reads arrays as known.
        stub.write_bytes(b"".join(code * count for code, _, count in numpy2._READS))
        server = tmp_path / "tritonserver"
        server.touch()
        found = Binaries(server, backend, stub, tmp_path, None, (packages,))
        (tmp_path / "models").mkdir()
        layout = Layout(
            tmp_path / "work", found, tmp_path / "models", Needs(frozenset({"openvino"}), False)
        )
        layout.create()
        environment = layout.work / "environment"
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        settings, path = (
            (environment / "lib" / version / "site-packages" / "client.pth").read_text("ascii")
        ).splitlines()
        assert Path(path).samefile(packages)
        assert ("os.path.realpath" in settings) == (place != "packages")
        assert (environment / "bin" / "python3").readlink() == Path(sys.executable)
        home = (environment / "pyvenv.cfg").read_text("ascii").removeprefix("home = ").strip()
        assert Path(home).parent.samefile(packages)
        assert Path(home).name == "bin"
        for file in ("model.py", "triton_model.py"):
            assert (layout.backends / "openvino" / file).is_file()
        assert not (layout.backends / "onnxruntime").exists()


class TestSharedMemory:
    def test_too_little_is_refused_and_little_is_said(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for megabytes, starts, silent in ((4, False, False), (64, True, False), (512, True, True)):
            monkeypatch.setattr(sharedmemory, "_free", lambda mb=megabytes: mb * 1024**2)
            assert (sharedmemory.shortage() is None) == silent
            if starts:
                sharedmemory.check()
            else:
                with pytest.raises(ServerNotInstalledError, match=r"4 MB free.*--shm-size"):
                    sharedmemory.check()
