"""What a witness must never forget: the last checkpoint of each log that it cosigned. One SQLite file.

Losing the file, or restoring an old copy, would let a log take back what this witness vouched for. So a
state is made once, together with the key, and is never made anew silently.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evote_tlog.checkpoint import Checkpoint
from evote_tlog.witness import NOTHING_SEEN, LogHead

from .errors import FileExists, UnusableState

_SCHEMA = """
BEGIN;
CREATE TABLE witness (vkey TEXT NOT NULL) STRICT;
CREATE TABLE logs (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL) STRICT;
CREATE TABLE forks (
    origin TEXT NOT NULL, cosigned TEXT NOT NULL, forked TEXT NOT NULL, root BLOB NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (origin, size, root)
) STRICT;
COMMIT;
"""
_LOCK_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Fork:
    """Two notes that one log signed for one size with two roots: who has both can prove it to anybody."""

    cosigned: str
    forked: str


class Turn:
    """One log's state while nobody else can change it."""

    def __init__(self, connection: sqlite3.Connection, origin: str) -> None:
        self._connection = connection
        self._origin = origin

    def last(self) -> LogHead:
        """What was cosigned last."""
        row = self._connection.execute("SELECT size, root FROM logs WHERE origin = ?", (self._origin,)).fetchone()
        return NOTHING_SEEN if row is None else LogHead(*row)

    def remember(self, head: LogHead, note: str) -> None:
        """Store what is about to be cosigned; ``note`` bears the log's signature and the cosignature."""
        self._connection.execute(
            "INSERT INTO logs VALUES (?, ?, ?, ?)"
            " ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note",
            (self._origin, head.size, head.root, note),
        )

    def keep_fork(self, forked: Checkpoint, note: str) -> None:
        """Keep a note as evidence against its log, beside the one of the same size that was cosigned."""
        self._connection.execute(
            "INSERT INTO forks SELECT origin, note, ?, ?, size FROM logs WHERE origin = ? ON CONFLICT DO NOTHING",
            (note, forked.root, self._origin),
        )


class WitnessState:
    """The open state file. Safe for many threads, and for other processes that read it."""

    def __init__(self, path: Path) -> None:
        """Open what :func:`create_state` made; raises :class:`UnusableState`."""
        self.path = path
        self._lock = threading.Lock()
        try:
            # mode=rw: a missing file is an error and not an empty beginning.
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw",
                uri=True,
                timeout=_LOCK_TIMEOUT_S,
                isolation_level=None,
                check_same_thread=False,
            )
            # The journal is emptied, and not deleted: a folder that changes with each cosignature, and is synced, costs
            # as much as all else that SQLite does. Emptied, it is synced, too: without that a power failure right after
            # the commit could bring it back, and undo what a cosignature that has left already vouches for.
            self._connection.execute("PRAGMA journal_mode = TRUNCATE")
            self._connection.execute("PRAGMA synchronous = FULL")
            self.vkey: str = self._connection.execute("SELECT vkey FROM witness").fetchone()[0]
        except (sqlite3.Error, TypeError) as error:
            raise UnusableState(
                path,
                "no state of a witness. Restore nothing older than the last cosignature: if the state is lost,"
                " make a new key and a new state with keygen, and tell those who trust the old key",
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other process serves with this state while the block runs; raises :class:`UnusableState`.

        Two would not harm each other's promises, but a person who started a second one believes that the first has
        ended, and may move the state away from under it.
        """
        # A file of its own: SQLite's locks on the state would go with any other descriptor of it that is closed.
        with self.path.with_name(f"{self.path.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UnusableState(self.path, "another evote-witness serves with it: stop that one first") from error
            yield

    @contextmanager
    def turn(self, origin: str) -> Iterator[Turn]:
        """One read-decide-write for a log. It is durable when the block has ended without an error.

        Two requests at once take turns: the second sees what the first stored, so that neither a smaller
        checkpoint nor another root can follow (tlog-witness, the race at the end of "add-checkpoint").

        Raises:
            sqlite3.Error: the state could not be stored, or is locked for long.
        """
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Turn(self._connection, origin)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def check(self) -> None:
        """Raises ``sqlite3.Error`` when the file can't be read."""
        with self._lock:
            self._connection.execute("SELECT vkey FROM witness").fetchone()

    def note(self, origin: str) -> str | None:
        """The last cosigned checkpoint of a log."""
        with self._lock:
            row = self._connection.execute("SELECT note FROM logs WHERE origin = ?", (origin,)).fetchone()
        return None if row is None else str(row[0])

    def forks(self) -> list[Fork]:
        """All the evidence there is."""
        with self._lock:
            rows = self._connection.execute("SELECT cosigned, forked FROM forks ORDER BY rowid").fetchall()
        return [Fork(*row) for row in rows]


def create_state(path: Path, vkey: str) -> None:
    """An empty state, for the witness with this key only; raises :class:`FileExists`, ``OSError``."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise FileExists(path) from error
    connection = sqlite3.connect(path)
    try:
        connection.executescript(_SCHEMA)
        with connection:
            connection.execute("INSERT INTO witness VALUES (?)", (vkey,))
    finally:
        connection.close()
