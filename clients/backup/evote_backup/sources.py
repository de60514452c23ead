"""What is copied: brokers' folders that nobody writes, the two vaults, keys. And what must never come back."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from .errors import BackupRefused, BiometricApart, BrokerRuns, MustNotComeBack, NotKafka
from .manifest import Vault

_CLEAN: Final = ".kafka_cleanshutdown"
_SQLITE: Final = b"SQLite format 3\0"
_MONITOR: Final = {"note", "intact_at"}
_LONGEST_MEMORY: Final = 1024 * 1024


@dataclass(frozen=True)
class Broker:
    """A log folder, as Kafka's own files describe it."""

    folder: Path
    cluster: str
    node: str
    stopped: bool


@contextmanager
def brokers_at_rest(folders: Sequence[Path]) -> Iterator[list[Broker]]:
    """Brokers' log folders; none of the brokers can run on this machine while the block does.

    Brokers on other machines are seen by nobody: a folder that several machines reach is for its operator to watch.

    Raises:
        BrokerRuns, NotKafka
        OSError: a file can't be read.
    """
    with ExitStack() as held:
        brokers = [_broker(folder) for folder in folders]
        if len({broker.cluster for broker in brokers}) > 1:
            raise NotKafka(folders[-1], "these folders are of several clusters")
        for folder in folders:
            with suppress(FileNotFoundError):
                lock = held.enter_context(_lock_file(folder))
                try:
                    # A broker asks for a lock of its own alone, and ends when somebody else has any.
                    fcntl.lockf(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except (BlockingIOError, PermissionError) as error:
                    raise BrokerRuns(folder) from error
        yield brokers


def _lock_file(folder: Path) -> IO[bytes]:
    """What a broker locks while it runs, and deletes when it stops in order.

    Raises:
        FileNotFoundError: there is none, and we can't make one: in a snapshot that is mounted for reading.
    """
    path, owner = folder / ".lock", folder.stat()
    if os.geteuid() not in (0, owner.st_uid):
        return path.open("rb")
    try:
        # Exclusively: a file that stands keeps its owner.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
    except OSError:
        return path.open("rb")
    # Otherwise the broker couldn't open it any more.
    os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return os.fdopen(descriptor, "rb")


def _broker(folder: Path) -> Broker:
    try:
        lines = (folder / "meta.properties").read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError) as error:
        raise NotKafka(folder, "there is no meta.properties of a broker") from error
    said = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    try:
        return Broker(folder, said["cluster.id"], said["node.id"], (folder / _CLEAN).exists())
    except KeyError as error:
        raise NotKafka(folder, f"its meta.properties names no {error.args[0]}") from error


def require_apart(vaults: Sequence[Vault], others: int) -> None:
    """Faces' templates go with nothing else; raises :class:`BiometricApart`."""
    if "biometric" in vaults and len(vaults) + others > 1:
        raise BiometricApart


def require_restorable(folder: Path) -> None:
    """A folder of keys holds nothing whose older copy would break what it promises.

    Raises:
        MustNotComeBack: a witness's state, or the monitor's memory.
        BackupRefused: no folder, or an empty one.
    """
    # Links to folders too: tar takes what they lead to.
    found = (Path(place, name) for place, _, names in os.walk(folder, followlinks=True) for name in names)
    files = sorted(path for path in found if path.is_file())
    if not files:
        raise BackupRefused(f"{folder} has no files: name a folder of keys")
    for path in files:
        if _is_witness_state(path):
            raise MustNotComeBack(
                path,
                "the state of a witness. Put back, it would cosign again what it has left behind: a second history."
                " A witness without its state gets a new key (evote-witness keygen), and the policy names that",
            )
        if _is_monitor_memory(path):
            raise MustNotComeBack(
                path,
                "the monitor's memory. An older copy would hide what happened since; without one it begins anew, and"
                " says so",
            )


def _is_witness_state(path: Path) -> bool:
    with path.open("rb") as file:
        if file.read(len(_SQLITE)) != _SQLITE:
            return False
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'witness'").fetchone())
    except sqlite3.DatabaseError:
        return False
    finally:
        connection.close()


def _is_monitor_memory(path: Path) -> bool:
    if path.stat().st_size > _LONGEST_MEMORY:
        return False
    try:
        said = json.loads(path.read_bytes())
    except ValueError:
        return False
    # A later release may remember more.
    return isinstance(said, dict) and said.keys() >= _MONITOR
