"""Touches TensorRT's API, alone: it builds an engine, and tells TensorRT's version.

Networks are strongly typed: every type stands in the ONNX file (``convert.onnx.low_precision``),
and the builder chooses none. TensorRT 10 has to be told so, TensorRT 11 knows no other way.
``make lint`` checks its types against the real bindings (``tests/types/tensorrt_stubs.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    import tensorrt_bindings as trt
else:
    try:
        import tensorrt as trt
    except (ImportError, OSError) as error:
        # Without its libraries the import fails with whatever the loader says.
        raise ModuleNotFoundError(
            f"TensorRT cannot be imported here ({error}); it comes with NVIDIA's Triton container, "
            "where the engines are built: docker compose run convert",
            name="tensorrt",
        ) from error

WORKSPACE = 4 << 30
"""Bytes that the builder may use for trying out kernels."""


class BuildError(ValueError):
    """TensorRT does not build an engine of this model."""


class Built(NamedTuple):
    """An engine, and the timing cache that building it left."""

    engine: bytes
    timing_cache: bytes
    """Measured times of kernels, for the next build on the same GPU."""


def version() -> str:
    """Return the version of TensorRT."""
    return str(trt.__version__)


def build(
    onnx: bytes,
    tensor: str,
    shape: tuple[int, ...],
    batches: tuple[int, int, int],
    timing_cache: bytes,
) -> Built:
    """Build an engine on the GPU of this machine; takes minutes.

    Args:
        onnx: a model whose input ``tensor`` is [batch, *shape].
        batches: smallest, usual and largest batch size of the one optimisation profile.
        timing_cache: of an earlier build, or empty.

    Raises:
        BuildError: the model cannot be read, or no engine came of it.
    """
    log = trt.Logger(trt.ILogger.Severity.WARNING)
    builder = trt.Builder(log)
    typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    network = builder.create_network(typed)
    parser = trt.OnnxParser(network, log)
    if not parser.parse(onnx):
        first = parser.get_error(0).desc() if parser.num_errors else "no reason given"
        raise BuildError(f"TensorRT {version()} cannot read the ONNX model: {first}")
    config = builder.create_builder_config()
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE)
    profile = builder.create_optimization_profile()
    smallest, usual, largest = (trt.Dims([batch, *shape]) for batch in batches)
    profile.set_shape(tensor, smallest, usual, largest)
    if config.add_optimization_profile(profile) < 0:
        raise BuildError(f"TensorRT {version()} refuses the batch sizes {batches} of {tensor}")
    cache = config.create_timing_cache(timing_cache)
    if not config.set_timing_cache(cache, ignore_mismatch=False):
        # Of another GPU or version: an empty one costs time and nothing else.
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, ignore_mismatch=False)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise BuildError(f"TensorRT {version()} built no engine; its own words stand above")
    # Both have the buffer protocol, which no signature can tell before Python 3.12.
    whole, times = (bytes(cast("bytes", one)) for one in (plan, cache.serialize()))
    return Built(whole, times)
