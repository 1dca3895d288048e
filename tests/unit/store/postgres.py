"""A PostgreSQL of one's own: started as the user postgres, on loopback, with passwords (SCRAM)."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import psutil

WAY_OUT = "apt-get install postgresql"


def _binaries() -> Path | None:
    """Debian keeps the server's programs off the PATH."""
    homes = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if homes:
        return homes[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def why_not() -> str | None:
    """Why no PostgreSQL can be started here; None where it can."""
    if _binaries() is None:
        return f"no PostgreSQL server here: {WAY_OUT}"
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            return f"PostgreSQL does not run as root, and there is no user postgres: {WAY_OUT}"
    return None


class Postgres:
    """One server for the tests, gone with everything in it at the end of the block."""

    def __init__(self) -> None:
        self._running = False

    def __enter__(self) -> Postgres:
        binaries = _binaries()
        assert binaries is not None
        self._binaries = binaries
        self._user = "postgres" if os.geteuid() == 0 else None
        self._password = secrets.token_hex(16)
        # Not below root's home or pytest's folder, which the user postgres cannot enter.
        self._folder = Path(tempfile.mkdtemp(prefix="allclient-postgres-"))
        self._data = self._folder / "data"
        secret = self._folder / "password"
        secret.write_text(self._password)
        secret.chmod(0o600)
        if self._user:
            for path in (self._folder, secret):
                shutil.chown(path, self._user)
        initdb = ("--auth=scram-sha-256", "--username=postgres", f"--pwfile={secret}")
        self._run("initdb", "-D", self._data, "--no-sync", "-E", "UTF8", *initdb)
        for last in (False, False, True):
            try:
                self._start()
            except AssertionError:  # somebody else took the port before it did
                if last:
                    raise
            else:
                break
        return self

    def _start(self) -> None:
        with socket.socket() as chosen:
            chosen.bind(("127.0.0.1", 0))
            self._port = chosen.getsockname()[1]
        self.start()

    def __exit__(self, *_: object) -> None:
        if self._running:
            self.stop_at_once()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start it on the port that it had; what it holds is what it knew before."""
        options = (
            f"-h 127.0.0.1 -p {self._port} -c unix_socket_directories={self._folder} "
            "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c shared_buffers=32MB"
        )
        log = self._folder / "log"
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "240", "-l", log, "-o", options, "start")
        self._running = True

    def stop_at_once(self) -> None:
        """Stop it as an administrator in a hurry does: every connection is cut."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "-w", "stop")
        self._running = False

    def kill(self) -> None:
        """Kill the postmaster (SIGKILL); its other processes see it and end."""
        postmaster = psutil.Process(int((self._data / "postmaster.pid").read_text().split()[0]))
        others = postmaster.children()
        postmaster.kill()
        psutil.wait_procs([postmaster, *others])
        self._running = False

    @property
    def url(self) -> str:
        return f"postgresql+psycopg://postgres:{self._password}@127.0.0.1:{self._port}/postgres"

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = subprocess.run(
            [self._binaries / program, *arguments],
            user=self._user,
            group=self._user,
            extra_groups=[] if self._user else None,
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
        assert done.returncode == 0, f"{program} ended with {done.returncode}: {done.stderr}"
