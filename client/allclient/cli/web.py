"""Defines ``allclient web``: the page, and the server of the backbones behind it."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from allclient.cli.options import (
    ConnectionOptions,
    check_server,
    connection_options,
    embedded_options,
    make_client,
    server_option,
)
from allclient.cli.serve import signals_interrupt
from allclient.cli.stored import opened_store, store_options
from allclient.cli.tally import NOTICE
from allclient.cli.watched import trace_option, traced
from allclient.errors import AllclientError, ConfigurationError
from allclient.needed import needing
from allclient.threads import beside

if TYPE_CHECKING:
    from allclient.web.oidc import Provider
    from allclient.web.serving import Serving
    from allclient.web.verified import Pacs
    from allclient.web.worker import Worker

_TIMEOUT: Final = 120.0
"""Seconds for one field: many may be before it."""

_AWAY: Final = 30.0
"""Seconds that a field waits at a server that is away, until it waits in the store again."""


@click.command(
    short_help="Run the web page: upload, look, verify.",
    epilog="""\b
Examples:
  allclient web
  allclient web --server triton.example:8001 --database postgresql://web@db/cases
  allclient web --no-server
  allclient web --host 0.0.0.0 --host-name smears.example --root-path /smears --proxy 10.0.0.5

The first start prints a one-time link for the first admin. Nobody has a
password before they chose one.

Exit codes: 0 when stopped by Ctrl-C, SIGTERM or SIGHUP, 2 for a wrong option, or
a folder or database that cannot be used, 3 when the port is taken.
""",
)
@store_options
@server_option
@embedded_options
@connection_options
@click.option("--no-server", is_flag=True, help="Start and ask none: review works, fields wait.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Listen here."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0: a free one."
)
@click.option(
    "--host-name",
    multiple=True,
    metavar="NAME",
    help="A name under which browsers ask for the page, beside this machine's own; repeatable.",
)
@click.option("--root-path", default="", metavar="/PATH", help="What a proxy takes off the path.")
@click.option(
    "--proxy",
    multiple=True,
    metavar="ADDRESS",
    help="A proxy whose X-Forwarded headers are believed; repeatable.",
)
@click.option("--https", is_flag=True, help="A proxy speaks HTTPS: cookies go over nothing else.")
@click.option(
    "--max-upload",
    type=click.IntRange(1, 512),
    default=512,
    show_default=True,
    metavar="MB",
    help="The largest file that is taken.",
)
@click.option(
    "--json-log",
    is_flag=True,
    help="Log requests and problems to standard error as JSON lines, without names.",
)
@click.option(
    "--oidc-issuer",
    metavar="URL",
    help="An OpenID Connect provider by which people log in as well. Its secret for the page is in "
    "the environment variable ALLCLIENT_OIDC_SECRET.",
)
@click.option("--oidc-client-id", metavar="ID", help="What the provider calls the page.")
@click.option("--oidc-title", metavar="TEXT", help="What the button to the provider says.")
@click.option(
    "--pacs-config",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="The gateway's pacs.toml: who signs a case that came as DICOM objects signs its report.",
)
@click.option("--organization", metavar="NAME", help="For whom people sign, with --pacs-config.")
@click.option(
    "--drift-reference",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Measure drift against this profile, saved on the page /drift; else the release's own.",
)
@trace_option
def web(
    data: Path | None,
    database: str | None,
    files: str | None,
    server: str | None,
    model_repository: Path | None,
    flavour: str | None,
    no_server: bool,
    host: str,
    port: int,
    host_name: tuple[str, ...],
    root_path: str,
    proxy: tuple[str, ...],
    https: bool,
    max_upload: int,
    json_log: bool,
    pacs_config: Path | None,
    organization: str | None,
    drift_reference: Path | None,
    trace_to: str | None,
    oidc_issuer: str | None,
    oidc_client_id: str | None,
    oidc_title: str | None,
    **connection: Any,
) -> None:
    """Run the web page until Ctrl-C, with a server of the backbones if none is named.

    Cases, images and answers stay in the data folder. The page works while no server answers:
    what is uploaded waits, and everything that was read can be verified.
    """
    options = ConnectionOptions(**connection)  # type: ignore[typeddict-item]
    if no_server and (server or model_repository or flavour):
        raise click.UsageError("--no-server and a server's options exclude each other")
    check_server(server, model_repository, flavour, options)
    if root_path and not root_path.startswith("/"):
        raise click.UsageError("--root-path begins with a slash, as /smears")
    pacs = _pacs(pacs_config, organization)
    with signals_interrupt(), contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as all:
        store = all.enter_context(opened_store(data, database, files))
        from allclient.web import alone, jsonlog, program, serving
        from allclient.web.settings import LOOPBACK, Settings

        if json_log:
            jsonlog.log_to(sys.stderr)
        settings = Settings(
            hosts=(*LOOPBACK, *host_name),
            root_path=root_path.rstrip("/"),
            secure_cookies=https,
            max_upload=max_upload * 1_000_000,
            **_reference(drift_reference),
            oidc=_oidc(oidc_issuer, oidc_client_id, oidc_title),
        )
        page = program.Program(store, settings, pacs)
        listening = all.enter_context(contextlib.closing(serving.listen(host, port)))
        url = serving.url_of(listening)
        all.enter_context(alone.held(store.folder, url))
        all.enter_context(traced(trace_to, "allclient-web"))
        if not no_server:
            all.enter_context(
                _backbones(page.worker, server, model_repository, flavour, options, trace_to)
            )
        all.enter_context(page.working())

        def ready() -> None:
            click.echo(f"the page is at {url}/")
            click.echo(f"its data is in {store.folder}")
            if link := program.first_link(store, url):
                click.echo(f"\nopen this once to become the first admin:\n  {link}")
            click.echo(f"\n{NOTICE}\nCtrl-C stops it.")

        serving_page = all.enter_context(_saying_what_was_cut_off(page.server(proxy, ready)))
        serving_page.run(sockets=[listening])
    click.echo("stopped")


@contextlib.contextmanager
def _saying_what_was_cut_off(serving_page: Serving) -> Iterator[Serving]:
    try:
        yield serving_page
    finally:
        if cut := serving_page.cut:
            uploads = "1 upload was" if cut == 1 else f"{cut} uploads were"
            _say(
                f"{uploads} not finished and cut off: upload those files again. "
                "Every file that was accepted is kept."
            )


def _say(text: str) -> None:
    from allclient.report.formats import printable

    click.echo(printable(f"allclient: {text}"), err=True)


def _oidc(issuer: str | None, client_id: str | None, title: str | None) -> Provider | None:
    """Return the provider by which people log in, if one is named."""
    from allclient.web.oidc import SECRET_VARIABLE, Provider

    if not issuer and not client_id:
        return None
    secret = os.environ.get(SECRET_VARIABLE, "")
    if not (issuer and client_id and secret):
        raise click.UsageError(
            f"--oidc-issuer, --oidc-client-id and the variable {SECRET_VARIABLE} go together"
        )
    if not issuer.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise click.UsageError("--oidc-issuer is an https:// address")
    return Provider(issuer, client_id, secret, title or "OpenID Connect")


def _pacs(config: Path | None, organization: str | None) -> Pacs | None:
    """Return what signs the report of a DICOM study, if a gateway is named."""
    if (config is None) != (organization is None):
        raise click.UsageError("--pacs-config and --organization go together")
    if config is None or organization is None:
        return None
    with needing("--pacs-config", "pacs"):
        from allclient.pacs import config as configuration
        from allclient.pacs.signing import sign_case
    configuration.load(config)  # what is wrong with it is told now
    return functools.partial(sign_case, config, organization=organization)


def _reference(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    from allclient.drift import Profile

    try:
        return {"reference": Profile.loads(path.read_text("utf-8"))}
    except (OSError, UnicodeDecodeError, ConfigurationError) as error:
        raise ConfigurationError(
            f"--drift-reference {str(path)!r} cannot be used: {error}"
        ) from error


@contextlib.contextmanager
def _backbones(
    worker: Worker,
    server: str | None,
    model_repository: Path | None,
    flavour: str | None,
    options: ConnectionOptions,
    trace_to: str | None,
) -> Iterator[None]:
    """Give the worker a server to ask; one that starts here takes its time beside the page."""
    if server:
        from allclient.web import arrival

        with (
            make_client(server, options, timeout=_TIMEOUT, retry_for=_AWAY) as client,
            arrival.awaited(worker, client, _say),
        ):
            yield
        return

    def run(over: threading.Event) -> None:
        try:
            from allclient.local import LocalServer

            worker.explain("The backbones are starting; new fields wait a moment.")
            with (
                LocalServer(
                    model_repository, flavour, notify=worker.explain, trace_to=trace_to
                ) as started,
                make_client(
                    started.grpc_address, options, timeout=_TIMEOUT, retry_for=_AWAY, local=True
                ) as client,
            ):
                worker.use(client)
                over.wait()
        except (AllclientError, ImportError) as error:
            worker.explain(f"The backbones cannot start ({error}); new fields wait, review works.")

    # The server ends with the thread that started it, so the thread stays.
    with beside(run, "allclient-web-server"):
        yield
