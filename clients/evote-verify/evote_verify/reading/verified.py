"""How far an earlier run has verified, in a file of the auditor's own: what ``--resume`` goes on from.

The file says no more than this: an archive's events up to one whose hash it names, and a log's records up to a size
whose root it names, were found to hold. Both stand for every byte before them, so that a second run sees by hashing
alone whether anything of it was changed since, and checks again whatever does not cost proofs or signatures. That the
proofs of those ballots hold, and the order statements, is the file's word: whoever can write it can have them skipped.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from evote_belenios.errors import BeleniosError
from evote_belenios.jsontext import Fields, Json, dump, load

from ..findings import Unusable

_FORMAT: Final = 1
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class VerifiedEvents:
    """An archive's first ``events`` events, the last of which has the hash ``head``."""

    election_uuid: str
    events: int
    head: str
    ballots: int


@dataclass(frozen=True)
class VerifiedLog:
    """A log's first ``size`` records, under the root ``root`` in hexadecimal; ``key`` is the log's verifier key."""

    key: str
    size: int
    root: str


@dataclass(frozen=True)
class Verified:
    """What was found to hold, when, and by which program with whose arithmetic."""

    time: str
    program: str
    arithmetic: str
    archive: VerifiedEvents | None
    log: VerifiedLog | None


def read_verified(path: Path) -> Verified | None:
    """What an earlier run wrote; None where there is no file yet. Raises :class:`Unusable`."""
    try:
        fields = Fields(load(path.read_text("utf-8")), "it")
        if fields.integer("format") != _FORMAT:
            raise Unusable(f"{path} was written by another release: take it away, and everything is verified anew")
        found = Verified(
            fields.text("time"),
            fields.text("program"),
            fields.text("arithmetic"),
            _events(fields.value("archive")),
            _log(fields.value("log")),
        )
        fields.end()
    except FileNotFoundError:
        return None
    except BeleniosError as error:
        raise Unusable(f"{path} is not what --resume keeps: {error.detail}") from None
    except (OSError, ValueError) as error:
        raise Unusable(f"{path} can't be read: {error}") from error
    return found


def write_verified(path: Path, verified: Verified) -> None:
    """In one step: the file is the new one or the old one. Raises ``OSError``."""
    begun = path.with_name(f".{path.name}.part")
    begun.write_text(dump({"format": _FORMAT, **asdict(verified)}) + "\n", "utf-8")
    begun.replace(path)


def _events(value: Json) -> VerifiedEvents | None:
    if value is None:
        return None
    fields = Fields(value, "archive")
    events = VerifiedEvents(
        fields.text("election_uuid"), _count(fields, "events"), _sha256(fields, "head"), _count(fields, "ballots")
    )
    fields.end()
    return events


def _log(value: Json) -> VerifiedLog | None:
    if value is None:
        return None
    fields = Fields(value, "log")
    log = VerifiedLog(fields.text("key"), _count(fields, "size"), _sha256(fields, "root"))
    fields.end()
    return log


def _count(fields: Fields, name: str) -> int:
    number = fields.integer(name)
    if number < 0:
        raise ValueError(f"{name} is below 0")
    return number


def _sha256(fields: Fields, name: str) -> str:
    text = fields.text(name)
    if not _SHA256.fullmatch(text):
        raise ValueError(f"{name} is not a SHA-256 in hexadecimal")
    return text
