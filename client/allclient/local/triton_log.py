"""Reads out of Triton's log why it did not start. All the rest of the log stays in its file."""

from __future__ import annotations

import re

_GAVE_UP = ("failed to load all models", "error: creating server:")
_FAILED = re.compile(r'failed to load \'(?P<model>[^\']+)\' version \d+: (?P<why>.*?)"?$')
_BAD_CONFIG = re.compile(r"Poll failed for model directory '(?P<model>[^']+)': (?P<why>.*?)\"?$")
_ENSEMBLE = re.compile(r"ensemble '?(?P<model>[\w.-]+)'? (?P<why>(?:depends on|contains) .*?)\"?$")
_PARSE = re.compile(r"Error parsing text-format inference.ModelConfig: (?P<why>.*?)\"?$")
_PORT = re.compile(r"Socket '[^']*:(?P<port>\d+)' already in use")
_KIND = re.compile(
    r"^(Internal|Invalid argument|Not found|Unavailable|Unsupported|Unknown|Already exists): "
)
_RUNS_ON = re.compile(r"\[onnxruntime\] (?P<model>[\w.-]+) runs on (?P<how>.*?)\"?$")
_SIGNAL = re.compile(r"^Signal \((\d+)\) received", re.MULTILINE)
_TRACEBACK = re.compile(r"\s*(\\n|\n)+At:(\\n|\n).*$", re.DOTALL)


def gave_up(log: str) -> bool:
    """Return whether Triton has said that it will not start; unloading takes seconds."""
    return any(mark in log for mark in _GAVE_UP)


def port_in_use(log: str) -> int | None:
    """Return the port that Triton could not bind; None if the log names none."""
    match = _PORT.search(log)
    return int(match["port"]) if match else None


def reasons(log: str) -> list[str]:
    """Return a sentence for each model that did not load, or [] if the log names none."""
    by_model: dict[str, str] = {}
    syntax: list[str] = []
    ensembles: dict[str, str] = {}
    for line in log.splitlines():
        if match := _PARSE.search(line):
            syntax.append(_clean(match["why"]))
        elif match := _FAILED.search(line):
            by_model.setdefault(match["model"], _clean(match["why"]))
        elif match := _BAD_CONFIG.search(line):
            why = _clean(match["why"])
            if "failed to read text proto" in why and syntax:
                why = f"{why} ({syntax[-1]})"
            by_model.setdefault(match["model"], why)
        elif match := _ENSEMBLE.search(line):
            ensembles.setdefault(match["model"], _clean(match["why"]))
    # An ensemble fails because a step did; it is the reason only where no step says one.
    return [f"{model}: {_with_way_out(why)}" for model, why in (by_model or ensembles).items()]


def providers(log: str) -> dict[str, str]:
    """Return what each model of the onnxruntime backend says it runs on, by model name."""
    matches = (_RUNS_ON.search(line) for line in log.splitlines())
    return {match["model"]: match["how"] for match in matches if match}


def signal_received(log: str) -> int | None:
    """Return the signal that Triton says it got: it can then leave with status 0."""
    match = _SIGNAL.search(log)
    return int(match[1]) if match else None


def last_words(log: str) -> str:
    """Return the last line that says something, for failures of which nothing else is known."""
    lines = [line.strip() for line in log.splitlines() if line.strip(" +|-")]
    return _clean(lines[-1]) if lines else "nothing in the log"


def _with_way_out(why: str) -> str:
    if why.startswith("unable to find backend library for backend"):
        return (
            f"{why} (the embedded server has openvino, onnxruntime and python; "
            "the container has them all)"
        )
    if "KIND_GPU but no GPUs are available" in why:
        return f"{why} (it needs an NVIDIA GPU with its driver; other flavours run on the CPU)"
    return why


def _clean(why: str) -> str:
    why = _TRACEBACK.sub("", why)
    while match := _KIND.match(why):
        why = why[match.end() :]
    return re.sub(r"\s+", " ", why.replace("\\n", " ").replace('\\"', '"')).strip(" ;")
