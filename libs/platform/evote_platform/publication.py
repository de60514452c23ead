"""What is public of an election, and when: the one rule that every service asks before it answers.

Until the close nobody but an auditor of record learns which credential a ballot is of: a ballot's text, its record and
the archive name it, and so does what links the ballots of one credential. Whoever knows whose credential is whose
would see from them who has voted, and whoever has made a voter hand over the credential, whether the voter came again.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Final

from .clock import parse_rfc3339, rfc3339
from .problems import WITHHELD, Problem


class Stage(Enum):
    """How far an election is, as its readers are concerned."""

    UNTIL_THE_CLOSE = "until-the-close"
    CLOSED = "closed"


class Reader(Enum):
    """Who asks."""

    PUBLIC = "public"
    AUDITOR = "auditor"
    """An auditor of record, by access of their own."""


class Matter(Enum):
    """What can be asked about the ballots of an election."""

    TRACKERS = "trackers"
    """Trackers with their places in the log, how far each is, and counts."""
    PROOFS = "proofs"
    """Hashes, checkpoints, and proofs of the log."""
    BALLOTS = "ballots"
    """A ballot's text, its record in the log, the archive: each names the credential."""
    SUCCESSION = "succession"
    """Which ballot took the place of which, and what else tells that two ballots are of one credential."""


_PUBLIC: Final = {
    Stage.UNTIL_THE_CLOSE: frozenset({Matter.TRACKERS, Matter.PROOFS}),
    Stage.CLOSED: frozenset(Matter),
}


def is_readable(matter: Matter, stage: Stage, reader: Reader) -> bool:
    """Whether a reader may see this of an election at this stage."""
    return reader is Reader.AUDITOR or matter in _PUBLIC[stage]


def demand_readable(matter: Matter, stage: Stage, reader: Reader) -> None:
    """Raise the problem ``withheld-until-the-close`` unless :func:`is_readable`."""
    if not is_readable(matter, stage, reader):
        raise Problem(WITHHELD)


def to_the_minute(moment: datetime) -> datetime:
    """As public times are: two that are exact would join a release and a cast, for whoever has both."""
    return moment.replace(second=0, microsecond=0)


def text_to_the_minute(moment: str) -> str:
    """The same of an RFC 3339 text; ``ValueError`` when it is none."""
    return rfc3339(to_the_minute(parse_rfc3339(moment)))
