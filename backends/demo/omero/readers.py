"""The read connections of the embedded OMERO: a bounded number, opened when first needed.

`store.py` borrows one for each query, from whatever thread it is called in. A call that comes
after the readers were closed is refused, it does not wait.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from backends.demo.omero.errors import StoreUnavailableError


class Readers:
    """Connections to one database file, at most `most` at a time."""

    def __init__(self, path: Path, most: int) -> None:
        self._path = path
        self._seats = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._lent = 0
        self._closed = False

    @contextlib.contextmanager
    def borrow(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection, waiting while all are lent.

        Raises:
            StoreUnavailableError: the readers were closed.
        """
        with self._seats:
            connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)

    def close(self) -> None:
        """Close the connections and remove the database's folder, when the last lent one is back.

        A query that is under way reads the file to its end.
        """
        with self._lock:
            self._closed = True
            while self._idle:
                self._idle.pop().close()
            self._remove_if_unused()

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StoreUnavailableError("OMERO has been shut down")
            connection = self._idle.pop() if self._idle else _open(self._path)
            self._lent += 1
            return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            self._lent -= 1
            if self._closed:
                connection.close()
                self._remove_if_unused()
            else:
                self._idle.append(connection)

    def _remove_if_unused(self) -> None:
        if not self._lent:
            shutil.rmtree(self._path.parent, ignore_errors=True)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    connection.execute("PRAGMA case_sensitive_like = ON")
    connection.execute("PRAGMA mmap_size = 268435456")
    # SQLite's own lower() knows ASCII only, PostgreSQL's knows letters.
    connection.create_function("hql_lower", 1, _lower, deterministic=True)
    connection.create_function("hql_upper", 1, _upper, deterministic=True)
    return connection


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _upper(text: str | None) -> str | None:
    return None if text is None else text.upper()
