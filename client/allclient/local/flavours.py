"""Reads what a flavour needs of this machine from the configurations that Triton will take."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from allclient.errors import ConfigurationError

_COMMENT = re.compile(r"#[^\n]*")
_BACKEND = re.compile(r'\bbackend\s*:\s*"([^"]*)"')
_FILE = re.compile(r'\bdefault_model_filename\s*:\s*"([^"]*)"')
_MAKERS = {
    "model.xml": "openvino",
    "model.saved_model": "savedmodel",
    "model.onnx": "onnx",
    "model.plan": "tensorrt",
}
"""What `python -m convert` calls the command that makes a file of this name."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What the models of a flavour need; for the default, what all models need."""

    backends: frozenset[str]
    gpu: bool
    """Whether a model asks for an instance on a GPU."""


def needs(repository: Path, flavour: str | None) -> Needs:
    """Return what a flavour needs.

    Model files of the default flavour are left to the server itself.

    Raises:
        ConfigurationError: the embedded server cannot serve the flavour, or its model files are
            not in the repository.
    """
    backends, gpu = set(), False
    for folder in sorted(path for path in repository.iterdir() if path.is_dir()):
        path = folder / "config.pbtxt"
        special = flavour is not None and (folder / "configs" / f"{flavour}.pbtxt").is_file()
        if special:
            path = folder / "configs" / f"{flavour}.pbtxt"
        elif not path.is_file():
            continue
        text = _COMMENT.sub("", path.read_text(encoding="utf-8", errors="replace"))
        backend = _first(_BACKEND, text)
        if special:
            if backend == "tensorrt":
                raise ConfigurationError(
                    f"the embedded server has no TensorRT, which the flavour {flavour!r} needs; "
                    "serve it in the container (deploy/docker), or use gpu_onnx"
                )
            _check_file(repository, folder, _first(_FILE, text), str(flavour))
        backends.add(backend)
        gpu = gpu or "KIND_GPU" in text
    return Needs(frozenset(backends - {""}), gpu)


def _check_file(repository: Path, folder: Path, name: str, flavour: str) -> None:
    versions = [path for path in folder.iterdir() if path.name.isdecimal()]
    if not name or any((version / name).exists() for version in versions):
        return
    maker = _MAKERS.get(name)
    way = (
        f"`python -m convert {maker} --all` and `python -m convert repository --flavour {flavour} "
        "--out DIR` write a repository that has it"
        if maker
        else "put it there"
    )
    raise ConfigurationError(
        f"{folder / '1' / name} is missing, and the flavour {flavour!r} of {repository} needs it; "
        f"{way}"
    )


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.search(text)
    return match[1] if match else ""
