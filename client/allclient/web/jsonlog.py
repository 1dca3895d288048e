"""Writes the log as JSON, one object a line, without anything that people typed or uploaded."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import Any, Final, TextIO

_TOLD: Final = ("allclient.web", "allclient.store", "uvicorn")
"""Loggers whose texts hold no data of people. Of others only the place of a record is told."""


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON.

    An exception is told by its type and its place, and never by its text: that of a database may
    quote the values it was given.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if any(record.name == name or record.name.startswith(f"{name}.") for name in _TOLD):
            line["event"] = record.getMessage().strip()
        else:
            line["place"] = f"{record.module}:{record.lineno}"
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _error(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False, default=str)


def log_to(stream: TextIO) -> None:
    """Send every record of this process to a stream as JSON, requests among them."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.getLogger().handlers[:] = [handler]
    logging.getLogger("allclient.web").setLevel(logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def _error(error: BaseException) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)
    described: dict[str, Any] = {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if (cause := error.__cause__ or error.__context__) is not None:
        described["cause"] = f"{type(cause).__module__}.{type(cause).__qualname__}"
    return described
