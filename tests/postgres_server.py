"""A real PostgreSQL for tests: Debian's, one server a session, started by an ordinary user in a folder of its own; a database a test."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

USER, PASSWORD = "tester", "canary-pass/word%1"  # the second is looked for in all that is written
QUOTED = "canary-pass%2Fword%251"
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
MISSING = "PostgreSQL's server is not here (Debian: apt-get install postgresql)"


class Server:
    """A server that can be killed and started again."""

    def __init__(self, folder: Path, *, syncs: bool = False) -> None:
        """Make its folder, which belongs to who may run it: the server refuses to be run by root."""
        self.folder, self._programs, self._syncs = folder, BINARIES[-1].parent, syncs
        self.port = _free_port()
        self._as = _ordinary_user() if os.geteuid() == 0 else None
        if self._as:
            os.chown(folder, self._as.pw_uid, self._as.pw_gid)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        words = ["-D", str(folder / "data"), "-U", USER, "-A", "scram-sha-256", f"--pwfile={password}"]
        self._do("initdb", *words, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self.start()

    @property
    def pid(self) -> int:
        """The number of the postmaster."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def url(self, database: str = "postgres", port: int = 0) -> str:
        """An address of a database, with the password."""
        return f"postgresql://{USER}:{QUOTED}@127.0.0.1:{port or self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it takes connections. It may still have to end what a killed one left."""
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200"
        )
        options += "" if self._syncs else " -c fsync=off -c full_page_writes=off"  # no test cuts the power
        words = [
            "-D",
            str(self.folder / "data"),
            "-l",
            str(self.folder / "log"),
            "-o",
            options,
            "-w",
            "start",
        ]
        for _ in range(50):
            if self._do("pg_ctl", *words, check=False) == 0:
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def kill(self) -> None:
        """End the postmaster as a power cut would; its children notice and end too."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        while (
            Path(f"/proc/{pid}").exists()
            and "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
        ):
            time.sleep(0.01)

    def stop(self) -> None:
        """End it."""
        self._do("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop", check=False)

    def execute(
        self, statement: str, values: Sequence[object] = (), database: str = "postgres"
    ) -> list[tuple[object, ...]]:
        """Do something as the administrator; gives rows."""
        with psycopg.connect(self.url(database), autocommit=True) as link:
            done = link.execute(statement, values or None)
            return done.fetchall() if done.description else []

    def new_database(self) -> str:
        """The name of an empty database."""
        name = f"test_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name}")
        return name

    def drop(self, database: str) -> None:
        """Remove a database, whoever still uses it."""
        self.execute(f"DROP DATABASE {database} WITH (FORCE)")

    def _do(self, program: str, *words: str, check: bool = True) -> int:
        as_whom: dict[str, Any] = (
            {"user": self._as.pw_uid, "group": self._as.pw_gid, "extra_groups": []} if self._as else {}
        )
        done = subprocess.run(
            [str(self._programs / program), *words],
            cwd=self.folder,
            check=False,
            stdout=subprocess.DEVNULL,  # subtle: a pipe would be held open by the server
            stderr=subprocess.DEVNULL,
            timeout=60,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            **as_whom,
        )
        assert not check or done.returncode == 0, program
        return done.returncode


@contextmanager
def serving(*, memory: bool = True) -> Iterator[Server]:
    """A server until the block ends; in `memory` it is faster than on a disk, and syncs nothing."""
    place = Path("/dev/shm")
    folder = Path(
        tempfile.mkdtemp(prefix="octavo-postgres-", dir=place if memory and place.is_dir() else None)
    )
    folder.chmod(0o755)
    server = Server(folder, syncs=not memory)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _ordinary_user() -> pwd.struct_passwd:
    """Who runs the server where tests are run by root."""
    return pwd.getpwnam("postgres" if any(one.pw_name == "postgres" for one in pwd.getpwall()) else "nobody")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
