"""The public log, as a trustee's program reads it: up to the newest checkpoint that the witness policy accepts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from evote_officers.signing import Officer
from evote_tlog.errors import MalformedPolicy
from evote_tlog.policy import Policy, parse_policy
from evote_verify.findings import Unusable
from evote_verify.reading.access import LOG_SERVICE, AuditorAccess
from evote_verify.reading.checkpoints import LogBroken
from evote_verify.reading.sources import FolderSource, HttpSource, LogSource, SourceUnavailable
from evote_verify.reading.witnessed import NotWitnessed, WitnessedLog, read_witnessed

from .errors import LogBehind, LogRefused, LogUnreachable, PolicyUnreadable
from .keyfile import CeremonyRecord, SeenCheckpoint

Progress = Callable[[int, int], None]
_WITHIN_S, _AGAIN_S = 30.0, 1.0
_ON_SERVER = ("http://", "https://")


@dataclass(frozen=True)
class LogView:
    """What witnesses saw of the log, and the text of the policy that says whose word that is."""

    policy: str
    witnessed: WitnessedLog

    @property
    def seen(self) -> SeenCheckpoint:
        """How far the log was seen."""
        return SeenCheckpoint(self.witnessed.checkpoint.size, self.witnessed.checkpoint.root.hex())


def read_log(place: str, policy: str, progress: Progress, auditor: Officer | None = None) -> LogView:
    """Read a log.

    Args:
        place: its URL, or a folder that ``evote-verify --save`` wrote.
        policy: the text of the witness policy.
        progress: called with the records read and the records in all.
        auditor: of record, to whom ballots of elections that are open are shown; None: they are withheld.

    Raises:
        PolicyUnreadable: the policy is none, or names not exactly one log and a quorum of witnesses.
        LogRefused: the log breaks its own rules, or (``LogBehind``) too few witnesses saw it.
        LogUnreachable: not all of it could be read.
    """
    try:
        with _source(place, auditor) as source:
            witnessed = read_witnessed(source, _parse(policy), progress)
    except NotWitnessed as error:
        raise LogBehind(f"証人の署名が足りません（{error.reason}）") from error
    except LogBroken as error:
        raise LogRefused(f"ログが署名と合いません（{error.reason}）") from error
    except Unusable as error:
        raise PolicyUnreadable(error.reason) from error
    except SourceUnavailable as error:
        raise LogUnreachable(error.reason, passing=error.passing) from error
    if witnessed.elections.faults:
        raise LogRefused(f"ログに規則に反する記録があります（{'; '.join(witnessed.elections.faults)}）")
    return LogView(policy, witnessed)


def read_log_when_ready(
    place: str,
    policy: str,
    record: CeremonyRecord | None,
    progress: Progress,
    auditor: Officer | None,
    tell: Callable[[str], None],
) -> LogView:
    """Read a log, and a server's again for half a minute where it can't be relied upon yet.

    A replica may start again, or be behind the one that was read before. What no later answer can mend (a log that
    breaks its rules, or is another than was seen) is refused at once, and no answer is relied upon that wouldn't
    have been as the first one.

    Args:
        record: what this trustee saw before, if anything.
        tell: called with what was wrong, before each further try.

    Raises:
        PolicyUnreadable, LogRefused, LogUnreachable: as :func:`read_log`, or older than what was seen.
    """
    deadline = time.monotonic() + _WITHIN_S
    while True:
        try:
            view = read_log(place, policy, progress, auditor)
            if record is not None and record.witness_policy == policy:
                check_seen(record, view)
        except (LogBehind, LogUnreachable) as error:
            lasting = isinstance(error, LogUnreachable) and not error.passing
            if lasting or not place.startswith(_ON_SERVER) or time.monotonic() > deadline:
                raise
            tell(error.reason)
        else:
            return view
        time.sleep(_AGAIN_S)


def check_seen(record: CeremonyRecord, view: LogView) -> None:
    """Refuse a log that isn't the continuation of what this trustee saw before; raises ``LogRefused``."""
    earlier, tree = record.seen, view.witnessed.tree
    if earlier is None:
        return
    if earlier.size > view.witnessed.checkpoint.size:
        raise LogBehind(
            f"前に見たログ（{earlier.size} 件）より古いログです（{view.witnessed.checkpoint.size} 件）。"
            "古い写しなら、取り直してください"
        )
    if tree.root(earlier.size).hex() != earlier.root:
        raise LogRefused(f"前に見たログの続きではありません。最初の {earlier.size} 件が違います")


@contextmanager
def _source(place: str, auditor: Officer | None) -> Iterator[LogSource]:
    if not place.startswith(_ON_SERVER):
        yield FolderSource(Path(place))
        return
    access = None if auditor is None else AuditorAccess(auditor, LOG_SERVICE, place, lambda: datetime.now(UTC))
    with httpx.Client(auth=access) as client:
        yield HttpSource(client, place, time.sleep)


def _parse(policy: str) -> Policy:
    try:
        return parse_policy(policy)
    except MalformedPolicy as error:
        raise PolicyUnreadable(error.reason) from error
