"""What was found, once and for all: every form of the report is written from one frozen :class:`Report`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from evote_belenios.archive import EventType
from evote_belenios.errors import ArchiveError
from evote_belenios.verify import VerificationReport

from .findings import Finding, Outcome, Tie

HOLDS, FAILED, UNUSABLE, UNFINISHED = 0, 1, 2, 3
"""Exit statuses: UNUSABLE has no report."""

_TALLIED = frozenset({EventType.ENCRYPTED_TALLY, EventType.PARTIAL_DECRYPTION, EventType.RESULT})
_OF_THE_FILE = ("archive-", "data-", "event-")


class Step(StrEnum):
    """What an archive's verification looks at, in its order."""

    FILE = "events"
    SETUP = "trustees"
    CREDENTIALS = "credentials"
    BALLOTS = "ballots"
    TALLY = "tally"
    DECRYPTIONS = "decryptions"
    RESULT = "result"


@dataclass(frozen=True)
class Check:
    """One step: of how many things it was found to hold, and how many failures it has."""

    step: Step
    held: int
    failed: int


@dataclass(frozen=True)
class VerifiedArchive:
    """An archive as it was verified."""

    place: str
    """Where it came from."""
    sha256: str
    """Of all its bytes."""
    size: int
    """In bytes."""
    seconds: float
    """How long its verification took."""
    found: VerificationReport

    @property
    def checks(self) -> tuple[Check, ...]:
        """Every step with its counts. What stands behind a step that fails was not looked at, and counts nothing."""
        found = self.found
        failed = [_step_of(failure) for failure in found.failures]
        before_decryptions = (Step.FILE, Step.SETUP, Step.CREDENTIALS, Step.BALLOTS, Step.TALLY)
        summed = found.stage in _TALLIED and not any(step in before_decryptions for step in failed)
        held = {
            Step.FILE: found.events,
            Step.SETUP: found.trustees.count if found.trustees is not None else 0,
            Step.CREDENTIALS: found.voters,
            Step.BALLOTS: found.ballots,
            Step.TALLY: found.counted if summed else 0,
            Step.DECRYPTIONS: len(found.decrypted_by),
            Step.RESULT: 0 if found.result is None else 1,
        }
        return tuple(Check(step, held[step], failed.count(step)) for step in Step)


@dataclass(frozen=True)
class Report:
    """What was found of every tie that was checked, in their order; and what the archive is, if one was given."""

    version: str
    """Of this program."""
    time: datetime
    """When it was finished."""
    archive: VerifiedArchive | None
    findings: tuple[Finding, ...]
    arithmetic: Mapping[str, str]
    """Who did the arithmetic on which all of this rests, for each group of what was looked at."""

    @property
    def outcome(self) -> Outcome:
        """The worst that was found."""
        outcomes = {finding.outcome for finding in self.findings}
        if Outcome.FAILS in outcomes:
            return Outcome.FAILS
        return Outcome.UNFINISHED if Outcome.UNFINISHED in outcomes else Outcome.HOLDS

    @property
    def status(self) -> int:
        """The program's exit status."""
        return {Outcome.FAILS: FAILED, Outcome.UNFINISHED: UNFINISHED}.get(self.outcome, HOLDS)

    @property
    def failing(self) -> tuple[Tie, ...]:
        """The ties that fail."""
        return tuple(finding.tie for finding in self.findings if finding.outcome is Outcome.FAILS)

    @property
    def complete(self) -> bool:
        """Whether the archive, if there is one, has a result."""
        return self.archive is None or self.archive.found.stage is EventType.RESULT

    @property
    def warnings(self) -> tuple[str, ...]:
        """What holds, and what an auditor should look at all the same."""
        return tuple(self._warnings())

    def _warnings(self) -> Iterator[str]:
        if self.archive is not None:
            yield from self.archive.found.warnings
        for finding in self.findings:
            yield from finding.warnings


def _step_of(failure: ArchiveError) -> Step:
    if failure.event_type is None or failure.rule.startswith(_OF_THE_FILE):
        return Step.FILE
    match failure.event_type:
        case EventType.SETUP:
            return Step.CREDENTIALS if failure.rule.startswith("credential") else Step.SETUP
        case EventType.ENCRYPTED_TALLY:
            return Step.TALLY
        case EventType.PARTIAL_DECRYPTION:
            return Step.DECRYPTIONS
        case EventType.RESULT:
            return Step.RESULT
    return Step.BALLOTS
