"""Defines ``allclient health``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from allclient.cli import codes
from allclient.cli.options import (
    SERVER_VARIABLE,
    ConnectionOptions,
    connection_options,
    make_client,
)

if TYPE_CHECKING:
    from allclient.client import Client
    from allclient.transport import Health


@click.command(
    short_help="Say whether a server can classify images.",
    epilog=f"""\b
Examples:
  allclient health
  allclient health --server triton.example:8001 --tls-ca ca.pem
  allclient health --server triton-1:8001,triton-2:8001
  allclient health --format json | jq .ok
  allclient health --infer

Of several servers each is asked. JSON has one object in a line for each.

Exit codes: 0 when images can be classified, by each server that is named,
3 when not, 2 for a wrong option.
{codes.OTHERS}
""",
)
@click.option(
    "--server",
    envvar=SERVER_VARIABLE,
    default="127.0.0.1:8001",
    show_default=True,
    show_envvar=True,
    metavar="HOST:PORT,...",
    help="gRPC address of the Triton server, or of several.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="The longest wait for each question to the server.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Lines for people or JSON.",
)
@click.option(
    "--infer",
    is_flag=True,
    help="Have a small drawn image classified, too: a server can say ready while none can be.",
)
@connection_options
@click.pass_context
def health(
    ctx: click.Context, /, server: str, timeout: float, form: str, infer: bool, **options: Any
) -> None:
    """Ask a server whether it is live and ready, and hold its model against the contract.

    Nothing is started, and without --infer no image is sent.
    """
    from allclient.transport.options import parse_addresses

    connection: ConnectionOptions = options  # type: ignore[assignment]
    reports = []
    for address in parse_addresses(server):
        with make_client(address, connection, timeout=timeout) as client:
            report = _asked(client, timeout, infer)
        click.echo(json.dumps(report) if form == "json" else _lines(report))
        reports.append(report)
    if not all(report["ok"] for report in reports):
        ctx.exit(codes.NO_SERVER)


def _asked(client: Client, timeout: float, infer: bool) -> dict[str, Any]:
    from allclient.errors import AllclientError, ServerError

    try:
        state = client.health(timeout=timeout)
    except ServerError as error:
        return _unreachable(client.address, str(error))
    report = _report(state)
    if infer and state.ok:
        from allclient.local.probe import tiny_png

        try:
            client.classify(tiny_png())
        except AllclientError as error:
            report["problems"].append(f"a drawn image was not classified: {error}")
        report["ok"] = report["inferred"] = not report["problems"]
    return report


def _report(state: Health) -> dict[str, Any]:
    return {
        "ok": state.ok,
        "server": state.address,
        "live": state.live,
        "ready": state.ready,
        "server_name": state.server.name if state.server else None,
        "server_version": state.server.version if state.server else None,
        "model": state.model,
        "model_ready": state.model_ready,
        "model_versions": list(state.model_versions),
        "inferred": None,
        "problems": list(state.problems),
    }


def _unreachable(address: str, problem: str) -> dict[str, Any]:
    return {
        "ok": False,
        "server": address,
        "live": False,
        "ready": False,
        "server_name": None,
        "server_version": None,
        "model": None,
        "model_ready": False,
        "model_versions": [],
        "inferred": None,
        "problems": [problem],
    }


def _lines(report: dict[str, Any]) -> str:
    name = " ".join(filter(None, (report["server_name"], report["server_version"])))
    lines = [
        f"server   {report['server']}{f' ({name})' if name else ''}",
        f"live     {_yes(report['live'])}",
        f"ready    {_yes(report['ready'])}",
    ]
    if report["model"]:
        versions = ", ".join(report["model_versions"])
        lines.append(
            f"model    {report['model']}{f' (version {versions})' if versions else ''}: "
            f"{'ready' if report['model_ready'] else 'not ready'}"
        )
    if report["inferred"] is not None:
        lines.append(f"answered {_yes(report['inferred'])}")
    lines += [f"problem  {problem}" for problem in report["problems"]]
    return "\n".join(lines)


def _yes(value: bool) -> str:
    return "yes" if value else "no"
