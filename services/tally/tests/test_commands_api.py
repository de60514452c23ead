"""The officer's commands over HTTP: what is refused, what happens by itself, what two replicas do."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from evote_ceremony.messages import Step
from evote_eventlog.kafka import KafkaSettings
from evote_local.testbed import MovableClock, eventually
from evote_platform import admission
from evote_platform.clock import rfc3339
from evote_platform.publication import text_to_the_minute
from evote_tally import exports, service
from evote_tally.domain import roll

from .conftest import Officer, running_tally

pytestmark = pytest.mark.stack


def slug(response) -> str:
    return response.json()["type"].removeprefix("urn:tsukuba-evote:problem:")


async def test_a_draft_with_faults_is_refused_field_by_field(officer) -> None:
    response = await officer.draft(threshold=3, trustees=[{"name": "甲", "key": "x"}, {"name": "甲", "key": "y"}])
    assert (response.status_code, slug(response)) == (422, "invalid-draft")
    assert {error["field"] for error in response.json()["errors"]} == {
        "threshold",
        "trustees",
        "trustees.0.key",
        "trustees.1.key",
    }
    unknown = await officer.draft(colour="red")
    assert (unknown.status_code, slug(unknown)) == (422, "invalid-request")


async def test_no_officer_waits_for_the_rest_between_two_rounds_of_the_tables(
    kafka: KafkaSettings, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "LEISURELY_S", 3600.0)
    async with running_tally(kafka, database_url, tmp_path) as client:
        officer = Officer(client, tmp_path, MovableClock())
        for _ in range(3):  # what the first one brings begins a rest
            assert (await officer.draft()).status_code == 201


async def test_a_roll_that_is_not_published_is_not_frozen(officer, stand_ins) -> None:
    await officer.draft()
    response = await officer.post("/roll/freeze", {"expected_size": 3})
    assert (response.status_code, slug(response)) == (409, "roll-not-ready")
    await stand_ins.auth.publish_credentials(officer.uuid, "Ed25519", 4)

    async def counted() -> bool:
        refused = await officer.post("/roll/freeze", {"expected_size": 3})
        return refused.json()["missing"] == ["4 credentials were published, 3 were expected"]

    await eventually(counted)
    assert (await officer.post("/roll/freeze", {"expected_size": 4})).json()["roll_size"] == 4
    assert (await officer.post("/roll/freeze", {"expected_size": 4})).status_code == 200


async def test_nothing_opens_before_the_preflight_passes(officer, stand_ins, unready_tally) -> None:
    await officer.draft()
    refused = await officer.post("/open")
    assert (refused.status_code, slug(refused)) == (409, "preflight-failed")
    failed = {check["name"] for check in refused.json()["checks"]}
    assert failed == {"roll-frozen", "credentials-published", "ceremony", "confirmations"}
    elsewhere = await unready_tally.get(f"/elections/{officer.uuid}/preflight", auth=officer.signed)
    report = {check["name"]: check["ready"] for check in elsewhere.json()["checks"]}
    assert not elsewhere.json()["ready"]
    assert (report["service:away"], report["clock:away"]) == (False, False)
    assert (report["service:late"], report["clock:late"]) == (True, False)
    assert (report["service:sick"], report["clock:sick"]) == (False, True)


async def test_an_election_closes_by_itself_at_its_closing_time(officer, stand_ins) -> None:
    closes_at = datetime.now(UTC) + timedelta(hours=1)
    await officer.draft(closes_at=rfc3339(closes_at))
    await officer.open_with(stand_ins, 2, "Ed25519")
    officer.clock.moved = timedelta(minutes=58)
    await asyncio.sleep(1)
    assert await officer.state() == "open"
    officer.clock.moved = timedelta(minutes=60)
    await officer.until("closed")
    closed = (await officer.get("")).json()
    assert closed["close_reason"] == "closing-time"
    assert closed["closed_at"] >= text_to_the_minute(rfc3339(closes_at))


async def test_an_election_without_ballots_is_counted_too(officer, stand_ins) -> None:
    await officer.draft()
    await officer.open_with(stand_ins, 2, "Ed25519")
    plan = await officer.plan()
    early = await officer.submit(officer.trustees.sign(plan, 1, Step.PARTIAL_DECRYPTION, "{}"))
    assert (early.status_code, slug(early)) == (409, "not-tallied")
    assert slug(await officer.post("/certify", {"archive_sha256": "0" * 64})) == "wrong-stage"
    await officer.post("/close")
    assert (await officer.post("/close")).json()["state"] == "closed"
    await stand_ins.ledger.log(*await stand_ins.ballot.close_box(officer.uuid))
    await officer.until("tallied")
    nothing = '{"decryption_factors":[],"decryption_proofs":[]}'
    bad = await officer.submit(officer.trustees.sign(plan, 2, Step.PARTIAL_DECRYPTION, nothing))
    assert (bad.status_code, slug(bad)) == (422, "bad-partial-decryption")
    message = await officer.decrypt(1)
    stolen = await officer.submit(officer.trustees.sign(plan, 2, Step.PARTIAL_DECRYPTION, message.text))
    assert (stolen.status_code, slug(stolen)) == (422, "bad-partial-decryption")
    assert (await officer.submit(message)).status_code == 200
    assert (await officer.submit(message)).status_code == 200
    assert (await officer.submit(await officer.decrypt(3))).status_code == 200
    await officer.until("decrypted")
    late = await officer.submit(await officer.decrypt(2))
    assert (late.status_code, slug(late)) == (409, "decryption-complete")
    assert (await officer.get("/result")).json()["result"] == [[0, 0, 0]]


async def test_unknown_elections_and_texts_before_their_time_are_not_found(officer) -> None:
    await officer.draft()
    for path in (
        "/election.json",
        "/trustees.json",
        "/public_creds.json",
        "/public_creds/0",
        "/archive.bel",
        "/result",
    ):
        response = await officer.get(path)
        assert (response.status_code, slug(response)) == (404, "not-published")
    officer.uuid = "11111111111111"
    for path in ("", "/archive.bel", "/encrypted-tally"):
        response = await officer.get(path)
        assert (response.status_code, slug(response)) == (404, "unknown-election")


async def test_the_archive_is_an_auditors_until_the_close_and_everybodys_after_it(officer, stand_ins) -> None:
    await officer.draft()
    await officer.open_with(stand_ins, 2, "Ed25519")
    withheld = await officer.get("/archive.bel")
    assert (withheld.status_code, slug(withheld)) == (403, "withheld-until-the-close")
    live = (await officer.archive()).content
    await officer.post("/close")
    public = await officer.get("/archive.bel")
    assert public.status_code == 200
    assert public.content.startswith(live.rstrip(b"\0"))


async def test_two_replicas_that_take_the_same_command_publish_it_once(
    officer, stand_ins, second_tally, facts_of
) -> None:
    await officer.draft()
    await stand_ins.auth.publish_credentials(officer.uuid, "Ed25519", 3)
    await eventually(lambda: officer.freezes(3))
    await officer.hold_ceremony()
    await officer.confirm_all()

    async def opened(client: httpx.AsyncClient) -> int:
        answer = await client.post(f"/elections/{officer.uuid}/open", auth=officer.signed)
        if answer.status_code != 503:
            return answer.status_code
        # Of six at once one may have waited too long for the others: it is told to come again.
        await asyncio.sleep(float(answer.headers["Retry-After"]))
        return await opened(client)

    answers = await asyncio.gather(*(opened(client) for client in (officer.client, second_tally) * 3))
    assert set(answers) == {200}
    published = await facts_of(officer.uuid)
    assert published.count("ElectionOpened") == 1


async def test_the_parts_of_the_list_are_together_the_whole_list(officer, stand_ins, monkeypatch) -> None:
    """As with a city's roll, in parts of a few lines."""
    monkeypatch.setattr(roll, "_FEWEST_IN_PART", 2)
    await officer.draft()
    await officer.open_with(stand_ins, 20, "Ed25519")
    whole = (await officer.get("/public_creds.json")).json()
    assert len(whole) == 20 and roll.number_of_parts(20) == 8
    parts = [(await officer.get(f"/public_creds/{number}")).json() for number in range(8)]
    assert sorted(line for part in parts for line in part) == whole
    assert all(roll.part_of(line, 8) == number for number, part in enumerate(parts) for line in part)
    beyond = await officer.get("/public_creds/8")
    assert (beyond.status_code, slug(beyond)) == (404, "not-published")
    for none in ("256", "-1", "x"):
        assert (await officer.get(f"/public_creds/{none}")).status_code == 422


async def test_whoever_waits_for_a_part_of_the_list_leaves_others_their_reads(officer, stand_ins, monkeypatch) -> None:
    """The first in a city of 200,000 waits for seconds, and so does everybody who comes meanwhile."""
    begun, go_on, in_parts = threading.Event(), threading.Event(), exports._in_parts

    def slowly(*arguments: Any) -> tuple[str, ...]:
        begun.set()
        assert go_on.wait(50)
        return in_parts(*arguments)

    monkeypatch.setattr(exports, "_in_parts", slowly)
    monkeypatch.setattr(admission, "LATE_S", 600)  # however busy the machine is, nobody is turned away
    await officer.draft()
    await officer.open_with(stand_ins, 3, "Ed25519")
    crowd = [asyncio.create_task(officer.get("/public_creds/0")) for _ in range(40)]
    try:
        await asyncio.to_thread(begun.wait, 50)
        assert (await officer.get("/public_creds.json")).status_code == 200
        assert not any(waiting.done() for waiting in crowd)
    finally:
        go_on.set()
    answers = await asyncio.gather(*crowd)
    assert {answer.status_code for answer in answers} == {200} and len({answer.text for answer in answers}) == 1
