"""Describes the flavours of the model repository, and makes the voters' configurations from them.

Triton's ``--model-config-name NAME`` takes ``configs/NAME.pbtxt`` where a model has one, else
``config.pbtxt``. Only the three voters differ between the flavours, and all they differ in stands
in ``FLAVOURS``: ``python -m convert configs`` writes their files from it, and a test holds the
committed ones against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from allclient.contract import BACKBONES, MAX_BATCH, SIDE, SUBTYPES, Backbone
from toolkit.served import MODEL_REPOSITORY

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Flavour:
    """One set of configurations of the voters, and the artifacts that it serves."""

    name: str
    purpose: str
    """A line for people, ``#`` comment of the configuration."""
    backend: str
    """Triton's name of it."""
    artifact: str
    """File or folder in the model's version folder, Triton's ``default_model_filename``."""
    beside: tuple[str, ...] = ()
    """Files that belong to the artifact."""
    gpu: bool = False
    """Whether the voters run on a GPU. Those are warmed up."""
    tuning: str = ""
    """What else the configuration says, as text."""
    command: str = ""
    """What makes the artifacts, a command of ``python -m convert``."""
    built: str = ""
    """The artifact's own folder below ``build/convert/<backbone>``."""
    options: str = ""
    """What the command needs besides ``--all``."""

    @property
    def makes(self) -> str:
        """The command that makes the artifacts of this flavour."""
        return f"python -m convert {self.command} --all{self.options}"

    @property
    def files(self) -> tuple[str, ...]:
        """The files of an artifact, in the version folder of a voter."""
        return (self.artifact, *self.beside)

    def config(self, model_folder: Path) -> Path:
        """Return where Triton looks for this flavour's configuration."""
        if self.name == DEFAULT:
            return model_folder / "config.pbtxt"
        return model_folder / "configs" / f"{self.name}.pbtxt"


_FLOAT32 = """\
# The head weighs small differences; rounded to BF16 on some CPUs they would be other ones.
parameters { key: "INFERENCE_PRECISION_HINT" value { string_value: "f32" } }
"""

_ACCELERATORS = """\
# TensorRT where its library loads, else CUDA. Both in FP32: with TF32, CUDA's default, an H200
# moved probabilities by up to 0.016 and gave one of 150 fields another class; without, by 0.00001.
# EXHAUSTIVE, the other default, tries every algorithm at the start and is no faster afterwards.
optimization {
  execution_accelerators {
    gpu_execution_accelerator: [
      {
        name: "tensorrt"
        parameters { key: "precision_mode" value: "FP32" }
        parameters { key: "max_workspace_size_bytes" value: "1073741824" }
      },
      {
        name: "cuda"
        parameters { key: "use_tf32" value: "0" }
        parameters { key: "cudnn_conv_algo_search" value: "HEURISTIC" }
      }
    ]
  }
}
"""

_WARM_UP = """\
# The smallest and the largest batch before the first request: memory is taken and kernels are
# chosen then, and TensorRT's range of batch sizes is open once.
model_warmup [
  {{
    name: "smallest batch"
    batch_size: 1
    inputs {{
      key: "PIXELS"
      value {{ data_type: TYPE_UINT8 dims: [ {side}, {side}, 3 ] zero_data: true }}
    }}
  }},
  {{
    name: "largest batch"
    batch_size: {batch}
    inputs {{
      key: "PIXELS"
      value {{ data_type: TYPE_UINT8 dims: [ {side}, {side}, 3 ] zero_data: true }}
    }}
  }}
]
"""

FLAVOURS: dict[str, Flavour] = {
    flavour.name: flavour
    for flavour in (
        Flavour(
            DEFAULT,
            "OpenVINO IR on any CPU.",
            backend="openvino",
            artifact="model.xml",
            beside=("model.bin",),
            tuning=_FLOAT32,
            command="openvino",
            built="openvino_int8",
            options=" --data FOLDER",
        ),
        Flavour(
            "savedmodel",
            "The exported Keras model itself on any CPU; OpenVINO reads SavedModels.",
            backend="openvino",
            artifact="model.saved_model",
            tuning=_FLOAT32,
            command="savedmodel",
            built="model.saved_model",
        ),
        Flavour(
            "gpu",
            "TensorRT plan, for the GPU and the TensorRT release that it was built with.",
            backend="tensorrt",
            artifact="model.plan",
            gpu=True,
            command="tensorrt",
            built="tensorrt",
        ),
        Flavour(
            "gpu_onnx",
            "ONNX on an NVIDIA GPU, without a build step.",
            backend="onnxruntime",
            artifact="model.onnx",
            gpu=True,
            tuning=_ACCELERATORS,
            command="onnx",
            built="onnx",
        ),
    )
}
"""All of them, by name."""

_CONFIG = """\
# One voter: fields of a smear to four classes, and where in the field it saw them.
# {purpose}
# Written by `python -m convert configs` from convert/repository/flavours.py: change it there.
name: "{name}"
backend: "{backend}"
default_model_filename: "{artifact}"
max_batch_size: {batch}
input [
  {{
    name: "PIXELS"
    data_type: TYPE_UINT8
    dims: [ {side}, {side}, 3 ]
  }}
]
output [
  {{
    name: "LOGITS"
    data_type: TYPE_FP32
    dims: [ {classes} ]
  }},
  {{
    # The dense head at every position of the last feature map; its mean is LOGITS.
    name: "CAM"
    data_type: TYPE_FP32
    dims: [ {height}, {width}, {classes} ]
  }}
]
{tuning}\
instance_group [ {{ kind: {kind}, count: 1 }} ]
# One image comes with one request; batches are made here.
dynamic_batching {{ }}
"""


def config(
    flavour: Flavour, backbone: Backbone, cam: tuple[int, int], *, on_cpu: bool = False
) -> str:
    """Return the text of one configuration.

    Args:
        cam: height and width of the voter's CAM, which only the model itself knows.
        on_cpu: put a GPU flavour on the CPU, to try its files on a machine without one; the largest
            batch is then left out of the warm-up, which would take long.
    """
    height, width = cam
    largest = 2 if on_cpu else MAX_BATCH
    warm_up = _WARM_UP.format(side=SIDE, batch=largest) if flavour.gpu else ""
    return _CONFIG.format(
        purpose=flavour.purpose,
        name=backbone.value,
        backend=flavour.backend,
        artifact=flavour.artifact,
        batch=MAX_BATCH,
        side=SIDE,
        classes=len(SUBTYPES),
        height=height,
        width=width,
        tuning=flavour.tuning + warm_up,
        kind="KIND_GPU" if flavour.gpu and not on_cpu else "KIND_CPU",
    )


def configs(
    sides: dict[Backbone, tuple[int, int]], repository: Path = MODEL_REPOSITORY
) -> dict[Path, str]:
    """Return every configuration of the voters: path in ``repository`` to text."""
    return {
        flavour.config(repository / backbone.value): config(flavour, backbone, sides[backbone])
        for backbone in BACKBONES
        for flavour in FLAVOURS.values()
    }
