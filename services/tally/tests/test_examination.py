"""Logged ballots that are not acceptable are passed over; tables that don't show the log stop archive and count."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator
from math import isnan
from pathlib import Path

import asyncpg
import pytest
from evote_belenios.archive import open_archive, read_ballots
from evote_belenios.ballots import generate_ballot, parse_ballot
from evote_belenios.credentials import generate, secret_exponent
from evote_belenios.election import Election, parse_election
from evote_belenios.proofs import prove_knowledge
from evote_belenios.verify import verify_archive
from evote_eventlog.record import Record
from evote_local.testbed import accepted, eventually
from evote_platform.database import open_pool
from evote_platform.processes import WorkerProcesses
from evote_tally.examination import Examination
from evote_tally.metrics import CountingMetrics
from evote_tally.projection import TallyProjection
from evote_tally.service import replay
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

pytestmark = [pytest.mark.stack, pytest.mark.slow]

YES, NO = [[0, 1, 0]], [[0, 0, 1]]


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await open_pool(SecretStr(database_url), "tally") as pool:
        yield pool


def vote(election: Election, credential: str, choices: list[list[int]], random=secrets.token_bytes) -> str:
    return generate_ballot(election, credential, choices, random)


def signed_again(election: Election, credential: str, ballot: str, **changes: object) -> str:
    """Whatever a voter likes to sign, as a ballot of the right form."""
    value = {**json.loads(ballot), **changes}
    del value["signature"]
    unsigned = json.dumps(value, separators=(",", ":"))
    digest = parse_ballot(election, ballot).content_hash if not changes else "A" * 43
    secret = secret_exponent(credential, election.uuid, election.group)
    proof = prove_knowledge(election.group, secret, f"sig|{digest}|", secrets.token_bytes)
    return (
        f'{unsigned[:-1]},"signature":{json.dumps({"hash": digest, "proof": proof.to_json()}, separators=(",", ":"))}}}'
    )


async def archived(officer) -> tuple[Path, list[str]]:
    path = await officer.download()
    return path, list(read_ballots(path))


async def close_and_count(officer, stand_ins) -> None:
    await officer.post("/close")
    await stand_ins.ledger.log(*await stand_ins.ballot.close_box(officer.uuid))
    await officer.until("tallied")


@pytest.mark.parametrize("group", ["Ed25519", "BELENIOS-2048"])
async def test_a_ballot_that_is_not_acceptable_is_passed_over_and_the_count_goes_on(officer, stand_ins, group) -> None:
    """A dishonest replica logs what its accomplices sign. Each of them has one good ballot."""
    await officer.draft(group=group)
    election = parse_election(await officer.open_with(stand_ins, 3, group))
    first, second, third = stand_ins.auth.private
    ballot, good = stand_ins.ballot, []

    async def log(credential: str, text: str) -> Record:
        record = await ballot.accept(election, credential, text)
        await stand_ins.ledger.log(record)
        return record

    for credential, choices in ((first, NO), (second, YES)):
        good.append(vote(election, credential, choices))
        await log(credential, good[-1])
    await log(first, signed_again(election, first, good[0]))  # one's own ciphertexts again: a copied vote
    await log(first, signed_again(election, first, good[0], answers=json.loads(good[1])["answers"]))
    await log(second, vote(election, second, YES)[:-1] + "x}")
    stranger = generate(election.group, secrets.token_bytes)
    await log(stranger, vote(election, stranger, YES))
    repeated = vote(election, third, YES, lambda count: (5).to_bytes(count, "big"))
    digests = parse_ballot(election, repeated).ciphertext_digests
    assert len(set(digests)) < len(digests)
    good.append(repeated)
    last = await log(third, repeated)
    await officer.until_archived(last)
    early, texts = await archived(officer)
    beginning = early.read_bytes()
    assert texts == good

    await close_and_count(officer, stand_ins)
    await officer.submit(await officer.decrypt(1))
    await officer.submit(await officer.decrypt(2))
    await officer.until("decrypted")
    assert (await officer.get("/result")).json()["result"] == [[0, 2, 1]]
    path, texts = await archived(officer)
    assert texts == good and path.read_bytes().startswith(beginning)
    with open_archive(path) as file:
        assert not verify_archive(file, processes=1, progress=lambda done, total: None).failures
    metrics = (await officer.client.get("/metrics", auth=officer.signed)).text
    for rule in ("ballot-copied-ciphertext", "ballot-hash", "json", "ballot-credential"):
        assert f'evote_tally_passed_over_ballots_total{{rule="{rule}"}} 1.0' in metrics, rule


async def test_while_nobody_can_look_it_is_not_said_that_tables_and_log_agree(pool, monkeypatch) -> None:
    registry, worker, outage = CollectorRegistry(), WorkerProcesses(1), asyncio.Event()
    examination = Examination(pool, worker, CountingMetrics(registry))
    look = examination.step

    async def step() -> int:
        if outage.is_set():
            raise ConnectionRefusedError
        return await look()

    def shown() -> float | None:
        return registry.get_sample_value("evote_tally_log_disagrees")

    async def agrees() -> bool:
        return shown() == 0

    async def unknown() -> bool:
        return isnan(shown())

    monkeypatch.setattr(examination, "step", step)
    assert await unknown(), "nobody has looked yet"
    running = asyncio.create_task(examination.run())
    try:
        await eventually(agrees)
        outage.set()
        await eventually(unknown)
        outage.clear()
        await eventually(agrees)
    finally:
        running.cancel()
        worker.close()


async def test_a_killed_worker_delays_the_examination_and_does_not_end_it(pool, monkeypatch) -> None:
    worker, went_on = WorkerProcesses(1), asyncio.Event()
    examination = Examination(pool, worker, CountingMetrics(CollectorRegistry()))
    kills = iter([True])

    async def step() -> int:
        if next(kills, False):
            await worker.run(os._exit, 1)
        await worker.run(os.getpid)
        went_on.set()
        return 0

    monkeypatch.setattr(examination, "step", step)
    running = asyncio.create_task(examination.run())
    try:
        await asyncio.wait({running, asyncio.ensure_future(went_on.wait())}, return_when=asyncio.FIRST_COMPLETED)
        assert went_on.is_set()
    finally:
        running.cancel()
        worker.close()


async def test_a_replay_finds_the_same_verdicts(officer, stand_ins, pool, tally_settings) -> None:
    await officer.draft()
    election = parse_election(await officer.open_with(stand_ins, 2, "Ed25519"))
    first, second = stand_ins.auth.private
    good = vote(election, first, YES)
    records = [await stand_ins.ballot.accept(election, first, text) for text in (good, good[:-1] + "x}")]
    records.append(await stand_ins.ballot.accept(election, second, vote(election, second, NO)))
    await stand_ins.ledger.log(*records)
    await close_and_count(officer, stand_ins)
    before = await dump(pool)
    await replay(tally_settings, pool)

    async def the_same() -> bool:
        return await dump(pool) == before

    await eventually(the_same)
    assert [json.loads(row)["passed_over"] for row in before["examined"]] == [None, "json", None]
    for path in ("/archive.bel", "/public_creds.json", "/public_creds/0", "/election.json", ""):
        given = await officer.get(path)
        assert given.headers["cache-control"].startswith("public, max-age="), path
        again = await officer.client.get(
            f"/elections/{officer.uuid}{path}", headers={"If-None-Match": given.headers["etag"]}
        )
        assert (again.status_code, again.content) == (304, b""), path


async def dump(pool: asyncpg.Pool) -> dict[str, list[str]]:
    return {
        table: [row[0] for row in await pool.fetch(f"SELECT row_to_json(t)::text FROM {table} AS t ORDER BY 1")]
        for table in TallyProjection.tables
    }


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DELETE FROM ballots WHERE {where}", "its record is missing"),
        ("UPDATE ballots SET leaf_hash = decode(md5('x'), 'hex') WHERE {where}", "is another than was logged"),
        ("DELETE FROM checkpoints WHERE size = 1", "no checkpoint that leads to it"),
    ],
)
async def test_what_the_log_has_and_the_tables_do_not_show_stops_archive_and_count(
    officer, stand_ins, pool, damage, words
) -> None:
    await officer.draft()
    election = parse_election(await officer.open_with(stand_ins, 2, "Ed25519"))
    first, second = stand_ins.auth.private
    records = [await stand_ins.ballot.accept(election, voter, vote(election, voter, YES)) for voter in (first, second)]
    for record in records:
        await stand_ins.ledger.log(record)
    await officer.until_archived(records[1])
    place = records[0].position
    where = f"partition = {place.partition} AND log_offset = {place.offset}"
    kept = {table: await pool.fetch(f"SELECT * FROM {table}") for table in ("ballots", "checkpoints")}
    await pool.execute(damage.format(where=where))
    refused = await officer.archive()
    assert (refused.status_code, refused.json()["type"].rsplit(":", 1)[-1]) == (503, "log-disagrees")
    assert words in refused.json()["en"]["detail"] and refused.json()["log_index"] == 0

    await officer.post("/close")
    markers = await stand_ins.ballot.close_box(officer.uuid)
    await stand_ins.ledger.log(*markers)
    await until_projected(pool, markers[-1])
    assert await officer.state() == "closed", "nothing is counted that the log doesn't say"

    for table, rows in kept.items():
        await pool.execute(f"DELETE FROM {table} WHERE {'true' if table == 'ballots' else 'size = 1'}")
        wanted = rows if table == "ballots" else [row for row in rows if row["size"] == 1]
        await pool.copy_records_to_table(table, records=[tuple(row) for row in wanted])
    await officer.until("tallied")


async def until_projected(pool: asyncpg.Pool, marker: Record) -> None:
    async def projected() -> bool:
        query = "SELECT EXISTS (SELECT FROM ballot_entries WHERE partition = $1 AND log_offset = $2)"
        return bool(await pool.fetchval(query, marker.position.partition, marker.position.offset))

    await eventually(projected)


async def test_a_log_that_breaks_its_own_rule_is_neither_counted_nor_archived_further(officer, stand_ins) -> None:
    """The sequencer has logged a withheld ballot behind a newer one of its voter."""
    await officer.draft()
    election = parse_election(await officer.open_with(stand_ins, 2, "Ed25519"))
    voter = stand_ins.auth.private[0]
    newer, withheld = vote(election, voter, YES), vote(election, voter, NO)
    for text, number in ((newer, 2), (withheld, 1)):
        event = accepted(election.uuid, election.group, voter, text, number)
        record = await stand_ins.producer.publish(event)
        await stand_ins.ledger.log(record)
        if text is newer:
            await officer.until_archived(record)

    async def alarmed() -> bool:
        metrics = (await officer.client.get("/metrics", auth=officer.signed)).text
        return "evote_tally_log_disagrees 1.0" in metrics

    await eventually(alarmed)
    ready = await officer.client.get("/statusz")
    assert (
        ready.status_code == 503 and "the log's rule keeps this ballot out" in ready.json()["checks"]["log"]["detail"]
    )
    assert (await archived(officer))[1] == [newer]
