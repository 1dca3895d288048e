"""Defines ``allclient store``: what the owner of a case store does outside of the page."""

from __future__ import annotations

from pathlib import Path

import click

from allclient.cli import codes
from allclient.cli.stored import opened_store, store_options
from allclient.errors import OutputError


@click.group(
    short_help="Look after the case store of the web page.",
    epilog=f"""\b
Examples:
  allclient store check
  allclient store invite --role admin
  allclient store backup /backups/smears

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
    with opened_store(data, database, files, make=False) as opened:
        from allclient.store import audit, integrity

        known = audit.Head.parse(head) if head else None
        with opened.read() as session:
            broken = integrity.check(session, known)
            end = audit.head(session)
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
    with opened_store(data, database, files) as opened:
        from allclient.store import SYSTEM, users
        from allclient.store.words import Role

        with opened.write() as session:
            token = users.invite(session, SYSTEM, Role(role))
    click.echo(f"{url.rstrip('/')}/welcome/{token}")


_FOLDER = click.argument("folder", type=click.Path(path_type=Path, file_okay=False))


@store.command(
    short_help="Write everything in the store into a folder.",
    epilog=f"""\b
Examples:
  allclient store backup /backups/smears
  allclient store restore /backups/smears --data new-data

The folder may hold an older backup; only new images are copied then. It holds
everything but sessions and tokens: keep it as safe as the store itself.
{codes.OTHERS}
""",
)
@_FOLDER
@store_options
def backup(folder: Path, data: Path | None, database: str | None, files: str | None) -> None:
    """Write the tables and images of the store into FOLDER, also while the page runs."""
    with opened_store(data, database, files, make=False) as opened:
        from allclient.store import backup as backups

        try:
            count = backups.write(opened, folder)
        except OSError as error:
            raise OutputError(f"the backup in {folder} is not whole: {error}") from error
    click.echo(f"{folder} holds all tables and {count} images")


@store.command(
    short_help="Fill an empty store from a backup.",
    epilog=f"""\b
Examples:
  allclient store restore /backups/smears --data new-data
  allclient store restore /backups/smears --database postgresql://web@db/cases

The new store may be of another kind: from SQLite to PostgreSQL and back.
{codes.OTHERS}
""",
)
@_FOLDER
@store_options
def restore(folder: Path, data: Path | None, database: str | None, files: str | None) -> None:
    """Fill an empty store from the backup in FOLDER, and check that all of it holds."""
    with opened_store(data, database, files) as opened:
        from allclient.store import backup as backups

        count = backups.restore(opened, folder)
    click.echo(f"restored all tables and {count} images; the audit log holds")


@store.command(
    short_help="Delete the cases that are older than they may be.",
    epilog=f"""\b
Examples:
  allclient store retain --days 3650
  allclient store retain --days 3650 --delete

Run it each night, as from cron. The audit log keeps that a case was deleted,
and no name.
{codes.OTHERS}
""",
)
@store_options
@click.option(
    "--days",
    type=click.IntRange(1, 36500),
    required=True,
    help="How many days a case is kept after it was made or last signed.",
)
@click.option("--delete", is_flag=True, help="Delete them; without it they are only counted.")
def retain(
    data: Path | None, database: str | None, files: str | None, days: int, delete: bool
) -> None:
    """Count the cases made and last signed so many days ago, or delete them with all in them."""
    with opened_store(data, database, files, make=False) as opened:
        from allclient.store import SYSTEM, retention

        if delete:
            click.echo(f"deleted {retention.apply(opened, SYSTEM, days)} cases")
        else:
            click.echo(
                f"{len(retention.older(opened, days))} cases are older; --delete deletes them"
            )
