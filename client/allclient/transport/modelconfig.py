"""Changes configurations of models, as Triton's own message has them."""

from __future__ import annotations

from typing import Final

from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

from allclient.errors import ConfigurationError

MEMBERS: Final = "MEMBERS"
"""The parameter that tells ``all_cascade`` how the models it asks are called."""


def renamed(text: str, name: str, members: str) -> str:
    """Return a configuration for a model of this name, which asks others by changed names.

    Args:
        members: makes the name of a model that is asked, as in ``{}_b``.

    Raises:
        ConfigurationError: it is no configuration.
    """
    try:
        config = text_format.Parse(text, model_config_pb2.ModelConfig())
    except text_format.ParseError as error:
        raise ConfigurationError(f"the configuration of {name} cannot be read: {error}") from error
    config.name = name
    for step in config.ensemble_scheduling.step:
        step.model_name = members.format(step.model_name)
    if config.backend == "python":
        config.parameters[MEMBERS].string_value = members
    written: str = text_format.MessageToString(config)
    return written
