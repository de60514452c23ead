"""officers - election: persons on the auditor's own roster signed each of the officers' acts, two where it takes two.

1. Draft, renewed keys of trustees, roll, credentials, abandonment, opening, certification, and a closing before its
   time: each event holds the statements of as many different persons as the act takes, all with the role and on the
   roster when they signed.
2. They signed this election, this act and the body beside it, an hour before the event at most; and the event says
   what that body says.
3. No command stands for two events.
4. Who closed no election by a signature closed it at its closing time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from evote_belenios.errors import BeleniosError
from evote_belenios.jsontext import Json, load
from evote_ceremony.plan import Plan
from evote_officers import acts
from evote_officers.acts import Act
from evote_officers.commands import (
    CLOCK_SKEW,
    COMMAND_LIFETIME,
    CommandRefused,
    verify_signatures,
)
from evote_officers.roster import Roster

from ..findings import Finding, Outcome, Tie
from ..reading.elections import LoggedElection, LoggedElections
from ..reading.records import SignedCommand
from ..reading.refusals import why_refused

_WRITTEN_WITHIN = COMMAND_LIFETIME + timedelta(minutes=1)
"""From signature to event."""


def tie(logged: LoggedElections, roster: Roster) -> Finding:
    """Check every election in the log."""
    check = _Check(roster)
    faults = [
        f"{uuid}: {fault}" for uuid, election in logged.by_uuid.items() for fault in check.faults_of(uuid, election)
    ]
    if faults:
        return Finding(Tie.OFFICERS, Outcome.FAILS, tuple(faults))
    names = "、".join(sorted(check.persons)) or "nobody yet"
    return Finding(
        Tie.OFFICERS,
        Outcome.HOLDS,
        (f"{check.commands} acts of officers, each signed by as many persons on the roster as it takes", f"by {names}"),
    )


class _Check:
    """What is checked over all elections: a command must not stand in two of them."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._nonces: set[str] = set()
        self.commands = 0
        self.persons: set[str] = set()

    def faults_of(self, uuid: str, election: LoggedElection) -> Iterator[str]:
        """What is wrong with what officers are said to have done."""
        drafted, roll, opened, closed = election.drafted, election.roll, election.opened, election.closed
        if drafted is not None:
            yield from self._signed(uuid, acts.DRAFT, drafted.index, drafted.time, drafted.event.command)
            yield from _other_draft(drafted.event.plan, drafted.event.command)
        if roll is not None:
            said = {"expected_size": roll.event.roll_size}
            yield from self._signed(uuid, acts.FREEZE, roll.index, roll.time, roll.event.command, said)
            published = election.published.get(roll.event.credentials_sha256)
            if published is not None:
                yield from self._signed(
                    uuid, acts.PUBLISH_CREDENTIALS, published.index, published.time, published.event
                )
        for renewed in election.renewals:
            said_key: dict[str, Json] = {"key": renewed.event.key}
            yield from self._signed(
                uuid,
                acts.RENEW_TRUSTEE,
                renewed.index,
                renewed.time,
                renewed.event.command,
                said_key,
                trustee=renewed.event.trustee,
            )
        if (abandoned := election.abandoned) is not None:
            yield from self._signed(uuid, acts.ABANDON, abandoned.index, abandoned.time, abandoned.event.command)
        if opened is not None:
            yield from self._signed(uuid, acts.OPEN, opened.index, opened.time, opened.event.command)
        if closed is not None and (not closed.event.by_itself or closed.event.command is not None):
            yield from self._signed(uuid, acts.CLOSE, closed.index, closed.time, closed.event.command)
        elif closed is not None and drafted is not None and _before(closed.time, drafted.event.plan.closes_at):
            yield f"it was closed before its closing time without a command (log index {closed.index})"
        if election.certified is not None:
            certified = election.certified
            said_archive = {"archive_sha256": certified.event.archive_sha256}
            yield from self._signed(
                uuid, acts.CERTIFY, certified.index, certified.time, certified.event.command, said_archive
            )

    def _signed(
        self,
        uuid: str,
        act: Act,
        index: int,
        time: str,
        signed: SignedCommand | None,
        said: Mapping[str, Json] | None = None,
        **names: object,
    ) -> Iterator[str]:
        path = act.path_of(uuid, **names)
        here = f"{act.method} {path} at log index {index}"
        if signed is None:
            yield f"{here}: nobody signed it"
            return
        try:
            given = verify_signatures(signed.statements, act, self._roster)
        except CommandRefused as error:
            yield f"{here}: {why_refused(error)}"
            return
        command = given.command
        if (command.service, command.method, command.path) != (act.service, act.method, path):
            yield f"{here}: what was signed is for {command.method} {command.path} at {command.service}"
        if command.body_sha256 != hashlib.sha256(signed.body.encode()).hexdigest():
            yield f"{here}: the body beside the signatures is not the one that was signed"
        if said is not None and _parsed(signed.body) != said:
            yield f"{here}: the event says something else than what was signed"
        if not command.time - CLOCK_SKEW <= datetime.fromisoformat(time) <= command.time + _WRITTEN_WITHIN:
            yield f"{here}: it was signed at another time ({command.time.isoformat()})"
        if command.nonce in self._nonces:
            yield f"{here}: its command stands for another event, too"
        self._nonces.add(command.nonce)
        self.commands += 1
        self.persons |= {person.name for person in given.persons}


def _other_draft(plan: Plan, signed: SignedCommand | None) -> Iterator[str]:
    if signed is None:
        return
    draft = _parsed(signed.body)
    expected: dict[str, Json] = {
        "name": plan.name,
        "description": plan.description,
        "group": plan.group_name,
        "administrator": plan.administrator,
        "questions": [
            {"question": q.question, "answers": list(q.answers), "blank": q.blank, "min": q.min, "max": q.max}
            for q in plan.questions
        ],
        "threshold": plan.threshold,
    }
    if not isinstance(draft, dict) or {name: draft.get(name) for name in expected} != expected:
        yield "its draft is not what the officers signed"
        return
    if _trustees(draft.get("trustees")) != [(trustee.name, trustee.key) for trustee in plan.trustees]:
        yield "its draft has other trustees than the officers signed"
    for name, instant in (("opens_at", plan.opens_at), ("closes_at", plan.closes_at)):
        if not _same_millisecond(draft.get(name), instant):
            yield f"its draft has another {name} than the officers signed"


def _trustees(said: Json) -> list[tuple[Json, Json]]:
    """Names, and keys as tally takes them: without the white space around a line that was pasted."""
    if not isinstance(said, list) or not all(isinstance(trustee, dict) for trustee in said):
        return []
    return [(trustee.get("name"), str(trustee.get("key")).strip()) for trustee in said]


def _same_millisecond(said: Json, instant: str) -> bool:
    try:
        difference = datetime.fromisoformat(str(said)) - datetime.fromisoformat(instant)
    except (ValueError, TypeError):
        return False
    return timedelta(0) <= difference < timedelta(milliseconds=1)


def _before(time: str, closes_at: str) -> bool:
    try:
        return datetime.fromisoformat(time) < datetime.fromisoformat(closes_at)
    except (ValueError, TypeError):
        return True


def _parsed(body: str) -> Json:
    try:
        return load(body)
    except BeleniosError:
        return None
