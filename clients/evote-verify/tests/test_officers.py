"""officers - election: what officers are said to have done, held against the auditor's own roster."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from evote_belenios.election import Question
from evote_ceremony.plan import Plan, PlannedTrustee
from evote_local.people.staff import DEPLOYMENT, Staff, StaffMember
from evote_officers import acts
from evote_officers.acts import Act
from evote_officers.roster import Role, Roster, parse_roster
from evote_officers.signing import Officer
from evote_platform.clock import rfc3339
from evote_verify.findings import Outcome
from evote_verify.reading.elections import Logged, LoggedElection, LoggedElections
from evote_verify.reading.records import (
    ElectionAbandoned,
    ElectionClosed,
    ElectionDrafted,
    ElectionOpened,
    ResultCertified,
    RollFrozen,
    SignedCommand,
    TrusteeKeyRenewed,
)
from evote_verify.ties.officers import tie

UUID = "4yP2vbZnkbxpPG"
NOON = datetime(2026, 11, 24, 3, tzinfo=UTC)
PLAN = Plan(
    election_uuid=UUID,
    name="住民投票",
    description="",
    group_name="Ed25519",
    administrator="a",
    questions=(Question("賛成ですか", ("はい", "いいえ"), True, 1, 1),),
    trustees=(PlannedTrustee("立会人", "ed25519:key"),),
    threshold=1,
    opens_at="2026-11-24T00:00:00.000Z",
    closes_at="2026-11-25T00:00:00.000Z",
)
DRAFT = {
    "name": "住民投票",
    "description": "",
    "group": "Ed25519",
    "administrator": "a",
    "questions": [{"question": "賛成ですか", "answers": ["はい", "いいえ"], "blank": True, "min": 1, "max": 1}],
    "trustees": [{"name": "立会人", "key": "ed25519:key "}],
    "threshold": 1,
    "opens_at": "2026-11-24T09:00:00+09:00",
    "closes_at": "2026-11-25T00:00:00.000900Z",
}


@dataclass
class Office:
    """An election whose acts are signed as they must be, until a test changes one."""

    staff: Staff = field(default_factory=Staff)

    def roster(self, members: Sequence[StaffMember] | None = None) -> Roster:
        entries = [member.entry() for member in members or self.staff.members]
        return parse_roster(json.dumps({"deployment": DEPLOYMENT, "persons": entries}))

    def signed(
        self, act: Act, body: str = "", *, uuid: str = UUID, time: datetime = NOON, by: Sequence[Officer] | None = None
    ) -> SignedCommand:
        by = by or [member.officer for member in self.staff.holding(Role.ELECTION_OFFICER)][: act.persons]
        first = by[0].command(act, act.path_of(uuid), body.encode(), reason="r", now=time, random=secrets.token_bytes)
        return SignedCommand(body, (first, *(other.cosign(first) for other in by[1:])))

    def election(self) -> LoggedElection:
        def logged(index: int, event: Any) -> Logged[Any]:
            return Logged(index, rfc3339(NOON + timedelta(minutes=1)), event)

        election = LoggedElection(
            drafted=logged(0, ElectionDrafted(UUID, PLAN, self.signed(acts.DRAFT, json.dumps(DRAFT)))),
            roll=logged(2, RollFrozen(UUID, 7, "c" * 64, self.signed(acts.FREEZE, '{"expected_size": 7}'))),
            opened=logged(3, ElectionOpened(UUID, "{}", "{}", "c" * 64, self.signed(acts.OPEN))),
            closed=logged(4, ElectionClosed(UUID, "officer", self.signed(acts.CLOSE))),
            certified=logged(
                5,
                ResultCertified(UUID, "a" * 64, self.signed(acts.CERTIFY, json.dumps({"archive_sha256": "a" * 64}))),
            ),
        )
        election.published["c" * 64] = logged(1, self.signed(acts.PUBLISH_CREDENTIALS))
        return election

    def faults(self, election: LoggedElection, roster: Roster | None = None) -> list[str]:
        elections = LoggedElections()
        elections.by_uuid[UUID] = election
        finding = tie(elections, roster or self.roster())
        return [] if finding.outcome is Outcome.HOLDS else list(finding.lines)


@pytest.fixture
def office() -> Office:
    return Office()


def event(logged: Logged[Any] | None, **changes: object) -> Logged[Any]:
    assert logged is not None
    return replace(logged, event=replace(logged.event, **changes))


def test_acts_that_their_officers_signed_hold(office: Office) -> None:
    elections = LoggedElections()
    elections.by_uuid[UUID] = office.election()
    finding = tie(elections, office.roster())
    assert (finding.outcome, finding.lines[0][:15]) == (Outcome.HOLDS, "6 acts of offic")
    assert finding.lines[1] == "by 佐藤 花子、鈴木 一郎"


def test_two_officers_abandon_an_election(office: Office) -> None:
    election = office.election()
    election.opened = election.closed = election.certified = None
    election.abandoned = Logged(3, rfc3339(NOON), ElectionAbandoned(UUID, office.signed(acts.ABANDON)))
    assert office.faults(election) == []


def test_a_trustees_key_is_renewed_by_two_officers_who_signed_the_new_one(office: Office) -> None:
    def election_with(key: str, by: Sequence[Officer], trustee: int = 1) -> LoggedElection:
        election, path = office.election(), acts.RENEW_TRUSTEE.path_of(UUID, trustee=1)
        body = '{"key": "new"}'
        first = by[0].command(acts.RENEW_TRUSTEE, path, body.encode(), reason="r", now=NOON, random=secrets.token_bytes)
        signed = SignedCommand(body, (first, *(other.cosign(first) for other in by[1:])))
        election.renewals.append(Logged(6, rfc3339(NOON), TrusteeKeyRenewed(UUID, trustee, 1, key, signed)))
        return election

    sato, suzuki = office.staff.sato.officer, office.staff.suzuki.officer
    assert office.faults(election_with("new", [sato, suzuki])) == []
    assert "takes 2 persons" in office.faults(election_with("new", [sato]))[0]
    assert "the event says something else" in office.faults(election_with("other", [sato, suzuki]))[0]
    assert "for POST" in office.faults(election_with("new", [sato, suzuki], trustee=2))[0]


def test_of_an_opening_and_an_abandonment_the_first_in_the_log_stands(office: Office) -> None:
    whole = office.election()
    assert whole.drafted and whole.roll and whole.opened
    abandoned = ElectionAbandoned(UUID, office.signed(acts.ABANDON))
    for order in ([whole.opened.event, abandoned], [abandoned, whole.opened.event]):
        read = LoggedElection()
        for index, said in enumerate([whole.drafted.event, whole.roll.event, *order]):
            read.add(index, rfc3339(NOON), said)
        assert (read.opened is not None, read.abandoned is not None) == (order[1] is abandoned, order[0] is abandoned)


def test_a_server_whose_roster_has_officers_of_its_own_is_found(office: Office) -> None:
    """Whoever can write the servers' roster can enter persons and keys there; not into the auditor's copy."""
    mine = Staff()
    forged = office.election()
    by = [mine.sato.officer, mine.suzuki.officer]
    forged.closed = event(forged.closed, command=office.signed(acts.CLOSE, by=by))
    (fault,) = office.faults(forged)
    assert "/close at log index 4: sato is not on your roster" in fault
    strangers = [Officer(DEPLOYMENT, "mallory", mine.sato.key), office.staff.suzuki.officer]
    forged.closed = event(forged.closed, command=office.signed(acts.CLOSE, by=strangers))
    assert "mallory" in office.faults(forged)[0]


CHANGES: list[tuple[str, Callable[[Office, LoggedElection], None]]] = []


def found_as(words: str) -> Callable[[Callable[[Office, LoggedElection], None]], None]:
    return lambda change: CHANGES.append((words, change))


@found_as("nobody signed it")
def _an_opening_without_a_command(office: Office, election: LoggedElection) -> None:
    election.opened = event(election.opened, command=None)


@found_as("nobody signed it")
def _an_early_closing_without_a_command(office: Office, election: LoggedElection) -> None:
    election.closed = event(election.closed, command=None)


@found_as("before its closing time without a command")
def _an_early_closing_that_is_said_to_be_in_time(office: Office, election: LoggedElection) -> None:
    election.closed = event(election.closed, command=None, reason="closing-time")


@found_as("takes 2 persons, and 1 signed")
def _one_officer_opens(office: Office, election: LoggedElection) -> None:
    election.opened = event(election.opened, command=office.signed(acts.OPEN, by=[office.staff.sato.officer]))


@found_as("takes 2 persons, and 1 signed")
def _one_officer_opens_twice(office: Office, election: LoggedElection) -> None:
    by = [office.staff.sato.officer] * 2
    election.opened = event(election.opened, command=office.signed(acts.OPEN, by=by))


@found_as("tanaka is not on your roster")
def _an_officer_of_the_counter_is_the_second(office: Office, election: LoggedElection) -> None:
    by = [office.staff.sato.officer, office.staff.tanaka.officer]
    election.opened = event(election.opened, command=office.signed(acts.OPEN, by=by))


@found_as("takes 2 persons, and 1 signed")
def _one_officer_abandons(office: Office, election: LoggedElection) -> None:
    signed = office.signed(acts.ABANDON, by=[office.staff.sato.officer])
    election.abandoned = Logged(6, rfc3339(NOON), ElectionAbandoned(UUID, signed))


@found_as("for POST /elections/11111111111111/open")
def _the_command_of_another_election(office: Office, election: LoggedElection) -> None:
    election.opened = event(election.opened, command=office.signed(acts.OPEN, uuid="1" * 14))


@found_as("signed at another time")
def _a_command_of_last_week(office: Office, election: LoggedElection) -> None:
    election.opened = event(election.opened, command=office.signed(acts.OPEN, time=NOON - timedelta(days=7)))


@found_as("the event says something else")
def _another_archive_is_certified(office: Office, election: LoggedElection) -> None:
    election.certified = event(election.certified, archive_sha256="b" * 64)


@found_as("not the one that was signed")
def _another_body_beside_the_signatures(office: Office, election: LoggedElection) -> None:
    assert election.roll is not None and election.roll.event.command is not None
    command = replace(election.roll.event.command, body='{"expected_size": 8}')
    election.roll = event(election.roll, roll_size=8, command=command)


@found_as("other trustees")
def _another_trustee_in_the_draft(office: Office, election: LoggedElection) -> None:
    election.drafted = event(
        election.drafted, plan=replace(PLAN, trustees=(PlannedTrustee("立会人", "ed25519:other"),))
    )


@found_as("not what the officers signed")
def _another_question_in_the_draft(office: Office, election: LoggedElection) -> None:
    election.drafted = event(election.drafted, plan=replace(PLAN, questions=()))


@found_as("another closes_at")
def _a_shorter_window_in_the_draft(office: Office, election: LoggedElection) -> None:
    election.drafted = event(election.drafted, plan=replace(PLAN, closes_at="2026-11-24T23:00:00.000Z"))


@found_as("no signatures of one command")
def _two_reasons(office: Office, election: LoggedElection) -> None:
    one, other = office.signed(acts.OPEN), office.signed(acts.OPEN)
    election.opened = event(election.opened, command=replace(one, statements=(one.statements[0], other.statements[1])))


@found_as("signed for another deployment")
def _a_rehearsals_command(office: Office, election: LoggedElection) -> None:
    staff = office.staff
    by = [Officer("rehearsal", member.identifier, member.key) for member in (staff.sato, staff.suzuki)]
    election.opened = event(election.opened, command=office.signed(acts.OPEN, by=by))


@pytest.mark.parametrize(("words", "change"), CHANGES, ids=[change.__name__[1:] for _, change in CHANGES])
def test_it_is_found(office: Office, words: str, change: Callable[[Office, LoggedElection], None]) -> None:
    election = office.election()
    change(office, election)
    faults = office.faults(election)
    assert faults and words in faults[0], faults


def test_a_draft_that_is_published_twice_under_one_command_is_found(office: Office) -> None:
    elections = LoggedElections()
    elections.by_uuid[UUID] = LoggedElection(drafted=office.election().drafted)
    assert elections.by_uuid[UUID].drafted is not None
    elections.by_uuid["1" * 14] = LoggedElection(drafted=elections.by_uuid[UUID].drafted)
    finding = tie(elections, office.roster())
    assert finding.outcome is Outcome.FAILS and "stands for another event, too" in finding.lines[0]
