"""``allclient store``: what the owner of a case store does outside of the page."""

from __future__ import annotations

from pathlib import Path

import click

from allclient.cli import codes
from allclient.cli.stored import open_store, store_options


@click.group(
    short_help="Look after the case store of the web page.",
    epilog=f"""\b
Examples:
  allclient store check
  allclient store invite --role admin

{codes.OTHERS}
""",
)
def store() -> None:
    """Look after the case store of the web page."""


@store.command(
    short_help="Check that the audit log was not changed.",
    epilog=f"""\b
Examples:
  allclient store check
  allclient store check --head 1204:5d0c...

Exit codes: 0 when the log holds, 1 when not, 2 for a wrong option.
{codes.OTHERS}
""",
)
@store_options
@click.option(
    "--head",
    metavar="NUMBER:DIGEST",
    help="The end of the log that an earlier check printed: shows entries cut off since.",
)
@click.pass_context
def check(
    ctx: click.Context,
    /,
    data: Path | None,
    database: str | None,
    files: str | None,
    head: str | None,
) -> None:
    """Check the audit log's chain, and the verifications against it; say where it breaks."""
    opened = open_store(data, database, files)
    from allclient.store import audit, verifications

    known = audit.Head.parse(head) if head else None
    with opened.read() as session:
        broken = audit.check(session, known) or verifications.check(session)
        end = audit.head(session)
    opened.close()
    if broken is not None:
        click.echo(f"allclient: the audit log does not hold: entry {broken}", err=True)
        ctx.exit(codes.SOME_FAILED)
    click.echo(f"the audit log holds; keep its end elsewhere for the next check:\n{end}")


@store.command(short_help="Print a one-time link that makes a reader or an admin.")
@store_options
@click.option("--role", type=click.Choice(["reader", "admin"]), default="reader", show_default=True)
@click.option(
    "--url",
    default="http://127.0.0.1:8080",
    show_default=True,
    metavar="URL",
    help="Where the page is.",
)
def invite(data: Path | None, database: str | None, files: str | None, role: str, url: str) -> None:
    """Print a one-time link to the page that makes whoever opens it a reader or an admin."""
    opened = open_store(data, database, files)
    from allclient.store import SYSTEM, users
    from allclient.store.words import Role

    with opened.write() as session:
        token = users.invite(session, SYSTEM, Role(role))
    opened.close()
    click.echo(f"{url.rstrip('/')}/welcome/{token}")
