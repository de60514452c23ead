"""Whose word tally acts upon: named officers, two where it matters, and what they signed stands in the event."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from evote_eventlog.events import ElectionDrafted, ElectionEventData, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.record import Record
from evote_eventlog.tail import EventTail
from evote_local.people.staff import Staff, StaffMember
from evote_officers import acts
from evote_officers.acts import Act, find_act
from evote_officers.commands import COMMAND_SCHEME, OfficerCommand, authorization, verify_signatures
from evote_officers.roster import parse_roster
from evote_officers.signing import Officer as Signing
from evote_statements.signed import claimed_statement

from .conftest import ROSTER, Officer

pytestmark = pytest.mark.stack


def slug(response: httpx.Response) -> str:
    return str(response.json()["type"]).removeprefix("urn:tsukuba-evote:problem:")


def command(member: StaffMember, officer: Officer, act: Act, body: bytes = b"", **changes: object) -> str:
    path = str(changes.get("path", act.path_of(officer.uuid)))
    return member.officer.command(act, path, body, reason="予定どおり", now=officer.clock(), random=secrets.token_bytes)


async def send(officer: Officer, act: Act, statements: Sequence[str], body: bytes = b"") -> httpx.Response:
    headers = {"Authorization": authorization(COMMAND_SCHEME, statements), "Content-Type": "application/json"}
    return await officer.client.post(act.path_of(officer.uuid), content=body, headers=headers)


async def events(kafka: KafkaSettings, uuid: str) -> list[ElectionEventData]:
    tail = EventTail(kafka, {Topic.ELECTIONS})
    found = []
    async with aclosing(tail.batches("earliest", until=await tail.end_offsets())) as batches:
        async for batch in batches:
            found += [record.envelope.data for record in batch.records if isinstance(record, Record)]
    return [event for event in found if event.election_uuid == uuid]


@pytest.fixture
async def opened(officer: Officer, stand_ins) -> Officer:
    await officer.draft()
    await officer.open_with(stand_ins, 2, "Ed25519")
    return officer


async def test_everybody_reads_what_officers_signed_for_the_election_to_come_this_far(opened: Officer) -> None:
    read = await opened.client.get(f"/elections/{opened.uuid}/commands")
    said = [
        [claimed_statement(OfficerCommand, text) for text in command["statements"]]
        for command in read.json()["commands"]
    ]
    assert [(find_act("tally", first.method, first.path), len(rest) + 1) for first, *rest in said] == [
        (acts.DRAFT, 2),
        (acts.FREEZE, 1),
        (acts.OPEN, 2),
    ]
    assert slug(await opened.client.get("/elections/11111111111111/commands")) == "unknown-election"


async def test_nobody_commands_without_a_signature(opened: Officer) -> None:
    url = f"/elections/{opened.uuid}/close"
    for header in ({}, {"Authorization": "Bearer x"}):
        refused = await opened.client.post(url, headers=header)
        assert (refused.status_code, slug(refused)) == (401, "unauthorized")
        assert refused.headers["www-authenticate"] == "Evote-Command"
    assert slug(await send(opened, acts.CLOSE, ["{}"])) == "command-malformed"
    assert await opened.state() == "open"


async def test_one_officer_alone_closes_nothing_and_neither_does_one_who_signs_twice(opened: Officer) -> None:
    staff = opened.staff
    alone = command(staff.sato, opened, acts.CLOSE)
    for statements in ([alone], [alone, alone], [alone, staff.sato.officer.cosign(alone)]):
        refused = await send(opened, acts.CLOSE, statements)
        assert (refused.status_code, slug(refused)) == (403, "second-person-needed")
        assert (refused.json()["needed"], refused.json()["given"]) == (2, 1)
    other_reason = command(staff.suzuki, opened, acts.CLOSE)
    assert slug(await send(opened, acts.CLOSE, [alone, other_reason])) == "command-malformed", "not the same command"
    assert await opened.state() == "open"
    assert (await send(opened, acts.CLOSE, [alone, staff.suzuki.officer.cosign(alone)])).json()["state"] == "closed"


async def test_an_officer_without_the_role_or_off_the_roster_does_not_count_as_the_second(opened: Officer) -> None:
    first = command(opened.staff.sato, opened, acts.CLOSE)
    forged = Signing("local", "suzuki", Staff().suzuki.key)
    for second in (opened.staff.tanaka.officer, opened.staff.kato.officer, Signing("local", "x", forged.key), forged):
        refused = await send(opened, acts.CLOSE, [first, second.cosign(first)])
        assert (refused.status_code, slug(refused)) == (403, "forbidden")
    assert await opened.state() == "open"


async def test_a_command_for_another_election_act_body_or_deployment_does_nothing(opened: Officer) -> None:
    staff = opened.staff
    elsewhere = command(staff.sato, opened, acts.CLOSE, path="/elections/11111111111111/close")
    certify = command(staff.sato, opened, acts.CERTIFY)
    with_body = command(staff.sato, opened, acts.CLOSE, b"{}")
    for statement, field in ((elsewhere, "path"), (certify, "path"), (with_body, "body_sha256")):
        refused = await send(opened, acts.CLOSE, [statement, staff.suzuki.officer.cosign(statement)])
        assert (refused.status_code, slug(refused), refused.json()["field"]) == (403, "command-of-another", field)
    rehearsal = [Signing("rehearsal", member.identifier, member.key) for member in (staff.sato, staff.suzuki)]
    there = rehearsal[0].command(
        acts.CLOSE, acts.CLOSE.path_of(opened.uuid), b"", reason="x", now=opened.clock(), random=secrets.token_bytes
    )
    refused = await send(opened, acts.CLOSE, [there, rehearsal[1].cosign(there)])
    assert (slug(refused), refused.json()["field"]) == ("command-of-another", "deployment")
    assert await opened.state() == "open"


async def test_a_command_is_good_for_an_hour(opened: Officer) -> None:
    first = command(opened.staff.sato, opened, acts.CLOSE)
    both = [first, opened.staff.suzuki.officer.cosign(first)]
    for moved in (timedelta(minutes=-2), timedelta(minutes=61)):
        opened.clock.moved = moved
        refused = await send(opened, acts.CLOSE, both)
        assert (refused.status_code, slug(refused)) == (403, "command-untimely")
    opened.clock.moved = timedelta(minutes=50)
    assert (await send(opened, acts.CLOSE, both)).status_code == 200


async def test_who_is_taken_off_the_roster_is_out_at_once_and_a_broken_roster_changes_nothing(
    opened: Officer, tmp_path: Path
) -> None:
    staff, roster = opened.staff, tmp_path / ROSTER
    first = command(staff.sato, opened, acts.CLOSE)
    both = [first, staff.suzuki.officer.cosign(first)]
    staff.write_roster(roster, [staff.sato, staff.kato])
    refused = await send(opened, acts.CLOSE, both)
    assert (refused.status_code, slug(refused)) == (403, "forbidden")
    for content in ("{", json.dumps({"deployment": "local", "persons": [staff.suzuki.entry()] * 2})):
        roster.write_text(content)
        assert slug(await send(opened, acts.CLOSE, both)) == "forbidden"
        ready = (await opened.client.get("/readyz")).json()
        assert ready["ready"] and "can't be used" in ready["checks"]["roster"]["detail"]
    staff.write_roster(roster)
    assert (await opened.client.get("/readyz")).json()["checks"]["roster"]["detail"] == "ok"
    assert (await send(opened, acts.CLOSE, both)).status_code == 200


async def test_a_command_whose_answer_was_lost_is_sent_again_and_drafts_or_closes_nothing_new(
    opened: Officer, kafka: KafkaSettings
) -> None:
    staff = opened.staff
    draft = (await events(kafka, opened.uuid))[0]
    assert isinstance(draft, ElectionDrafted) and draft.command is not None
    both = list(draft.command.statements)
    again = await send(opened, acts.DRAFT, list(reversed(both)), draft.command.body.encode())
    assert again.status_code == 201 and again.json()["election_uuid"] == opened.uuid
    first = command(staff.sato, opened, acts.CLOSE)
    closing = [first, staff.suzuki.officer.cosign(first)]
    answers = [await send(opened, acts.CLOSE, closing) for _ in range(2)]
    assert [answer.json() for answer in answers] == [{"election_uuid": opened.uuid, "state": "closed"}] * 2
    names = [type(event).__name__ for event in await events(kafka, opened.uuid)]
    assert names == ["ElectionDrafted", "RollFrozen", "ElectionOpened", "ElectionClosed"]


async def test_what_the_officers_signed_stands_in_every_event_of_theirs(opened: Officer, kafka: KafkaSettings) -> None:
    assert (await opened.post("/close")).status_code == 200
    roster = parse_roster(json.dumps({"deployment": "local", "persons": [m.entry() for m in opened.staff.members]}))
    found = await events(kafka, opened.uuid)
    for event, act in zip(found, (acts.DRAFT, acts.FREEZE, acts.OPEN, acts.CLOSE), strict=True):
        signed = event.command  # type: ignore[attr-defined]
        given = verify_signatures(signed.statements, act, roster)
        assert [person.id for person in given.persons] == ["sato", "suzuki"][: act.persons]
        stated = claimed_statement(OfficerCommand, signed.statements[0])
        assert stated.path == act.path_of(opened.uuid)
        assert stated.body_sha256 == hashlib.sha256(signed.body.encode()).hexdigest()


async def test_officers_certify_the_archive_that_they_name_and_no_other(officer: Officer, stand_ins) -> None:
    await officer.draft()
    await officer.open_with(stand_ins, 2, "Ed25519")
    await officer.post("/close")
    await stand_ins.ledger.log(*await stand_ins.ballot.close_box(officer.uuid))
    await officer.until("tallied")
    for trustee in (1, 2):
        assert (await officer.submit(await officer.decrypt(trustee))).status_code == 200
    await officer.until("decrypted")
    refused = await officer.post("/certify", {"archive_sha256": "0" * 64})
    assert (refused.status_code, slug(refused)) == (409, "archive-differs")
    assert await officer.state() == "decrypted"
    assert (await officer.certify()).json()["state"] == "certified"
