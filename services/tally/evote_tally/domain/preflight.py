"""The preflight gate: an election opens only when everything that it needs is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from evote_eventlog.events import RollFrozen

from .ceremony import waiting_for_ceremony, waiting_for_confirmation
from .election import Election
from .refusals import PreflightFailed

MAX_CLOCK_DIFFERENCE = timedelta(seconds=1)


@dataclass(frozen=True)
class Check:
    """One thing that must be ready, whether it is, and what was seen."""

    name: str
    ready: bool
    detail: str


@dataclass(frozen=True)
class ServiceReport:
    """What a service's ``/statusz`` answered.

    ``clock`` is the service's time, ``asked_at`` and ``answered_at`` are this service's clock around
    the request; all are UTC. ``fault`` says what went wrong, and is None when all is well with it.
    """

    name: str
    fault: str | None
    clock: datetime | None
    asked_at: datetime
    answered_at: datetime


def preflight(
    election: Election, *, credentials_published: bool, services: Sequence[ServiceReport], now: datetime
) -> tuple[Check, ...]:
    """Check everything that the opening needs; every check is reported, ready or not."""
    roll = election.fact(RollFrozen)
    waiting = waiting_for_ceremony(election)
    return (
        Check(
            "roll-frozen",
            roll is not None,
            "the roll is not frozen" if roll is None else f"{roll.roll_size} voters",
        ),
        Check(
            "credentials-published",
            credentials_published,
            "the public credentials are complete"
            if credentials_published
            else "the public credentials are not complete",
        ),
        Check("ceremony", not waiting, "; ".join(waiting) or "every trustee's key is verified"),
        _confirmation_check(election),
        _window_check(election, now),
        *(check for report in services for check in _service_checks(report)),
    )


def require_ready(checks: Iterable[Check]) -> None:
    """Refuse the opening when a check failed."""
    failed = tuple((check.name, check.detail) for check in checks if not check.ready)
    if failed:
        raise PreflightFailed(failed)


def _confirmation_check(election: Election) -> Check:
    waiting = ", ".join(str(number) for number in waiting_for_confirmation(election))
    detail = f"waiting for trustee {waiting}" if waiting else "every trustee confirmed the final texts"
    return Check("confirmations", not waiting, detail)


def _window_check(election: Election, now: datetime) -> Check:
    closes_at = datetime.fromisoformat(election.draft.closes_at)
    if closes_at <= now:
        return Check("window", False, f"the closing time {election.draft.closes_at} has passed")
    return Check("window", True, f"{election.draft.opens_at} to {election.draft.closes_at}")


def _service_checks(report: ServiceReport) -> tuple[Check, Check]:
    service = Check(f"service:{report.name}", report.fault is None, report.fault or "ready")
    return service, _clock_check(report)


def _clock_check(report: ServiceReport) -> Check:
    name = f"clock:{report.name}"
    if report.clock is None:
        return Check(name, False, "the service told no time")
    round_trip = report.answered_at - report.asked_at
    if round_trip > 2 * MAX_CLOCK_DIFFERENCE:
        # The answer was written at any moment of the round trip: half of it is the error of the measure.
        return Check(name, False, f"the service took {round_trip.total_seconds():.1f} s to tell its time")
    difference = report.clock - (report.asked_at + round_trip / 2)
    ready = abs(difference) <= MAX_CLOCK_DIFFERENCE
    return Check(name, ready, f"{difference.total_seconds():+.3f} s from this service's clock")
