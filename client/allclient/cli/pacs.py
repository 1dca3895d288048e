"""Defines ``allclient pacs``, the DICOM gateway. The work is done in ``allclient.pacs``."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from allclient.cli import codes
from allclient.cli.options import (
    SERVER_VARIABLE,
    ConnectionOptions,
    connection_options,
    make_client,
)
from allclient.cli.serve import signals_interrupt
from allclient.cli.tally import NOTICE
from allclient.cli.watched import watch_options, watching
from allclient.errors import ConfigurationError

if TYPE_CHECKING:
    from allclient.client import Client
    from allclient.pacs.config import Config
    from allclient.pacs.fetcher import Fetched
    from allclient.pacs.inbox import Inbox

_CONFIG: Final = click.argument("config", metavar="CONFIG", type=click.Path(path_type=Path))

_NICENESS: Final = 10
"""How far a server that is started here gives way: objects are taken in first, and read later."""

_STEP: Final = 0.5
"""Seconds that Ctrl-C may be left unnoticed."""


@click.group(
    short_help="Connect to a PACS: DICOM in, DICOM out.",
    epilog="""\b
Examples:
  allclient pacs example > pacs.toml
  allclient pacs check pacs.toml
  allclient pacs serve pacs.toml

It needs the extra pacs: pip install 'allclient[pacs]'.
""",
)
def pacs() -> None:
    """Take images from a PACS and send back what was read, as DICOM in the same study.

    Every result is for a pathologist, who reads the images and decides; this is not a medical
    device.
    """


@pacs.command(
    short_help="Print a configuration to start from.",
    epilog="""\b
Examples:
  allclient pacs example > pacs.toml
""",
)
def example() -> None:
    """Print a configuration file with every setting and what it means."""
    with _extra():
        from allclient.pacs.config import EXAMPLE

    click.echo(EXAMPLE, nl=False)


@pacs.command(
    short_help="Run the gateway until Ctrl-C.",
    epilog=f"""\b
Examples:
  allclient pacs serve pacs.toml
  ALLCLIENT_SERVER=triton.example:8001 allclient pacs serve pacs.toml --tls

CONFIG is a TOML file; allclient pacs example prints one. An object is answered
with success once it is on disk and in the queue. A study is reported when
nothing has come for study_quiet_seconds.

{codes.HELP}
""",
)
@_CONFIG
@connection_options
@watch_options
def serve(
    config: Path,
    trace_to: str | None,
    metrics_port: int | None,
    metrics_host: str,
    **connection: Any,
) -> None:
    """Receive objects, classify them, and send reports to the archive."""
    with _extra():
        from allclient.pacs import config as configuration
        from allclient.pacs.gateway import Gateway
        from allclient.pacs.metrics import GatewayCollector
    from allclient import __version__

    loaded = configuration.load(config)
    with signals_interrupt(), contextlib.ExitStack() as stack:
        try:
            secrets = ConnectionOptions(**connection)  # type: ignore[typeddict-item]
            client = _client(loaded, secrets, trace_to, stack)
            gateway = stack.enter_context(Gateway(loaded, client, __version__))
            numbers = (GatewayCollector(gateway.inbox), gateway.sites)
            stack.enter_context(
                watching("allclient-pacs", trace_to, metrics_port, metrics_host, numbers)
            )
            click.echo(
                f"{loaded.node.ae_title} listens on {loaded.node.address}:{gateway.receiver.port}\n"
                f"{NOTICE}\nCtrl-C stops it."
            )
            # Not for ever at once: a signal that comes just before a wait begins does not end it.
            while True:
                time.sleep(_STEP)
        except KeyboardInterrupt:
            click.echo("stopping ...")
    click.echo("stopped")


@pacs.command(
    short_help="Try a configuration against its peers.",
    epilog=f"""\b
Examples:
  allclient pacs check pacs.toml

Exit codes: 0 when everything works, 1 when something does not, 2 for a
configuration that cannot work. {codes.OTHERS}
""",
)
@_CONFIG
@click.pass_context
def check(ctx: click.Context, config: Path) -> None:
    """Say which parts of a configuration work: the folder, the peers, the service, the server."""
    with _extra():
        from allclient.pacs import config as configuration
        from allclient.pacs.trial import trials

    well = True
    for trial in trials(configuration.load(config)):
        well &= trial.works
        click.echo(f"{'works ' if trial.works else 'FAILS '} {trial.what}: {trial.said}")
    if not well:
        ctx.exit(codes.SOME_FAILED)


@pacs.command(
    short_help="Sign a report: accepted, corrected or rejected.",
    epilog="""\b
Examples:
  allclient pacs sign pacs.toml 3f2a accepted --by Doe^Jane --organization Lab
  allclient pacs sign pacs.toml 3f2a corrected --label benign --by Doe^Jane \\
      --organization Lab --comment "hematogones"

allclient pacs queue list --all names the reports. The signed report is a new,
VERIFIED one that names the unsigned one as its predecessor; both are kept. A
gateway that runs sends it.
""",
)
@_CONFIG
@click.argument("report")
@click.argument("assessment", type=click.Choice(["accepted", "corrected", "rejected"]))
@click.option("--by", required=True, metavar="NAME", help="Who signs, as DICOM writes names.")
@click.option("--organization", required=True, metavar="NAME", help="For whom.")
@click.option(
    "--label",
    type=click.Choice(["benign", "malignant"]),
    help="What the case is, where it is corrected.",
)
@click.option(
    "--subtype",
    type=click.Choice(["early_pre_b", "pre_b", "pro_b"]),
    help="The maturation stage that the person saw, in a malignant case.",
)
@click.option("--comment", default="", metavar="TEXT", help="Goes into the signed report.")
def sign(
    config: Path,
    report: str,
    assessment: str,
    by: str,
    organization: str,
    label: str | None,
    subtype: str | None,
    comment: str,
) -> None:
    """Sign the report whose key begins with REPORT, as the person who has read its images."""
    with _queue(config) as inbox:
        from allclient.contract import Label, Subtype
        from allclient.pacs import config as configuration
        from allclient.pacs.signing import Signature
        from allclient.pacs.signing import sign as put

        signature = Signature(
            assessment,
            by,
            organization,
            None if label is None else Label(label),
            comment,
            None if subtype is None else Subtype(subtype),
        )
        uid = put(configuration.load(config), inbox, report, signature)
    click.echo(f"signed: {uid}")


@pacs.command(
    short_help="Fetch the images of an accession number.",
    epilog="""\b
Examples:
  allclient pacs fetch pacs.toml ACC-4242
  allclient pacs fetch pacs.toml ACC-4242 --from ARCHIVE
  allclient pacs fetch pacs.toml ACC-4242 --dicomweb

A gateway with this configuration has to run: a peer sends the images to it, and
it reads them like any others. With --dicomweb this command asks the service of
export.dicomweb (QIDO, WADO) and puts them into the queue itself. Exit codes: 0
when all came, 1 when not.
""",
)
@_CONFIG
@click.argument("accession")
@click.option("--from", "title", metavar="AE_TITLE", help="The peer that has them [export.peer].")
@click.option("--dicomweb", is_flag=True, help="Ask the service of export.dicomweb.")
@click.pass_context
def fetch(
    ctx: click.Context, config: Path, accession: str, title: str | None, dicomweb: bool
) -> None:
    """Bring the images with the number ACCESSION from the archive to the gateway."""
    with _extra():
        from allclient.pacs import config as configuration
        from allclient.pacs.sender import NotSentError

    loaded = configuration.load(config)
    try:
        if dicomweb:
            fetched = _fetch_by_dicomweb(loaded, accession)
        else:
            fetched = _fetch_from_peer(loaded, accession, title)
    except NotSentError as error:
        click.echo(f"not fetched: {error}", err=True)
        ctx.exit(codes.SOME_FAILED)
    click.echo(f"{fetched.series} series, {fetched.came} objects came, {fetched.failed} did not")
    if fetched.failed or not fetched.came:
        ctx.exit(codes.SOME_FAILED)


def _fetch_from_peer(config: Config, accession: str, title: str | None) -> Fetched:
    from allclient.pacs.fetcher import fetch

    peer = config.export.peer if title is None else config.peer(title)
    if peer is None or peer.port is None:
        raise ConfigurationError("--from must be the AE title of a [[peer]] with a port")
    return fetch(config, peer, accession)


def _fetch_by_dicomweb(config: Config, accession: str) -> Fetched:
    from allclient.pacs.inbox import Inbox
    from allclient.pacs.webfetcher import fetch

    if config.export.dicomweb is None:
        raise ConfigurationError("--dicomweb needs export.dicomweb in the configuration")
    with contextlib.closing(Inbox.of(config)) as inbox:
        return fetch(config, inbox, accession)


@pacs.group(
    short_help="See what is queued, and try dead letters again.",
    epilog="""\b
Examples:
  allclient pacs queue list pacs.toml
  allclient pacs queue show pacs.toml 3f2a
  allclient pacs queue retry pacs.toml
""",
)
def queue() -> None:
    """Look into the queue of a gateway, also while it runs.

    Objects are named by keys that say nothing of the patient.
    """


@queue.command(
    "list",
    epilog="""\b
Examples:
  allclient pacs queue list pacs.toml
  allclient pacs queue list pacs.toml --all
""",
)
@_CONFIG
@click.option("--all", "everything", is_flag=True, help="List all, not only what is stuck.")
def list_(config: Path, everything: bool) -> None:
    """Count what is in each state, and list what is stuck: dead letters and refused objects."""
    with _queue(config) as inbox:
        from allclient.pacs.letters import counts, letters

        counted = counts(inbox.database)
        if not counted:
            click.echo("the queue is empty: nothing has come yet", err=True)
        for (kind, state), number in counted.items():
            click.echo(f"{number:>8} {kind} {state}")
        for letter in letters(inbox.database, everything=everything):
            click.echo(
                f"{letter.key[:12]}  {letter.kind:<6}  {letter.state:<8}  {letter.age:>6}  "
                f"{letter.who}  {letter.reason}"
            )


@queue.command(
    epilog="""\b
Examples:
  allclient pacs queue show pacs.toml 3f2a
"""
)
@_CONFIG
@click.argument("key")
def show(config: Path, key: str) -> None:
    """Show all that is known of the work whose key begins with KEY."""
    with _queue(config) as inbox:
        from allclient.pacs.letters import letters

        found = [
            letter
            for letter in letters(inbox.database, everything=True)
            if letter.key.startswith(key)
        ]
        if not found:
            raise ConfigurationError(f"nothing in the queue has a key that begins with {key!r}")
        for letter in found:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(letter.at))
            click.echo(
                f"{letter.key}\n  kind    {letter.kind} {letter.who}\n  state   {letter.state}\n"
                f"  since   {when}\n  tries   {letter.tries}\n  reason  {letter.reason or '-'}"
            )


@queue.command(
    epilog="""\b
Examples:
  allclient pacs queue retry pacs.toml
  allclient pacs queue retry pacs.toml 3f2a 77c0
"""
)
@_CONFIG
@click.argument("keys", nargs=-1)
def retry(config: Path, keys: tuple[str, ...]) -> None:
    """Put what is stuck back into the queue: all of it, or what begins with a KEY."""
    with _queue(config) as inbox:
        from allclient.pacs.letters import retry as again

        click.echo(f"{again(inbox.database, keys)} put back")


@contextlib.contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise ConfigurationError(
            f"allclient pacs needs the extra pacs: pip install 'allclient[pacs]' "
            f"(missing: {error.name})"
        ) from error


@contextlib.contextmanager
def _queue(config: Path) -> Iterator[Inbox]:
    with _extra():
        from allclient.pacs import config as configuration
        from allclient.pacs.inbox import Inbox

    inbox = Inbox(configuration.load(config).node.folder)
    try:
        yield inbox
    finally:
        inbox.close()


def _client(
    config: Config,
    connection: ConnectionOptions,
    trace_to: str | None,
    stack: contextlib.ExitStack,
) -> Client:
    """Make a client of the server that the configuration names, or of one started here."""
    import os

    address = config.triton.address or os.environ.get(SERVER_VARIABLE)
    if address:
        return stack.enter_context(
            make_client(address, connection, timeout=60.0, model=config.triton.model)
        )
    if any(connection.values()):
        raise click.UsageError("TLS and token options need triton.address in the configuration")
    from allclient.local import LocalServer

    click.echo("starting a server here (triton.address names one that runs) ...")
    server = stack.enter_context(
        LocalServer(model=config.triton.model, trace_to=trace_to, niceness=_NICENESS)
    )
    return stack.enter_context(
        make_client(
            server.grpc_address,
            connection,
            timeout=60.0,
            retry_for=1.0,
            model=config.triton.model,
            local=True,
        )
    )
