"""Casting over HTTP: what is taken, what is refused and why."""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections import Counter
from datetime import timedelta

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from evote_ballot import readback, store, verification
from evote_ballot.domain import history
from evote_ballot.domain.cast import open_cast
from evote_ballot.store import Promise
from evote_belenios import native
from evote_belenios.credentials import generate, secret_exponent
from evote_belenios.groups import ED25519
from evote_belenios.proofs import prove_knowledge
from evote_eventlog.events import BallotAccepted, BallotBoxClosed
from evote_local.nodes.kafka import KafkaNode
from evote_local.testbed import eventually
from evote_platform.ratelimit import TokenBucket

pytestmark = pytest.mark.stack
NO = [[0, 0, 1]]
# 2^255 - 19 is zero, and has another, canonical encoding; small-order points; a point off the subgroup.
BAD_POINTS = {
    "not canonical": (2**255 - 19).to_bytes(32, "big").hex(),
    "small order": (2**255 - 20).to_bytes(32, "big").hex(),
    "upper case": "AB" * 32,
    "too short": "00",
}


def random(seed: int):
    return lambda count: bytes((seed + i) % 256 for i in range(count))


def sign_again(place, ballot: dict, voter: int) -> str:
    """Sign a changed ballot under a voter's own credential, as an attacker with that credential would."""

    def dump(value: object) -> str:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    secret = secret_exponent(place.credentials[voter], place.election.uuid, ED25519)
    unsigned = {name: value for name, value in ballot.items() if name != "signature"}
    unsigned["credential"] = ED25519.encode(ED25519.power_generator(secret))
    digest = base64.b64encode(hashlib.sha256(dump(unsigned).encode()).digest()).decode().rstrip("=")
    proof = prove_knowledge(ED25519, secret, f"sig|{digest}|", random(voter))
    return dump({**unsigned, "signature": {"hash": digest, "proof": proof.to_json()}})


async def test_a_receipt_is_signed_and_names_the_record(place) -> None:
    receipt = await place.cast(0)
    key = (await place.client.get("/receipt-key")).json()
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key["public_key"]))
    body = {name: value for name, value in receipt.items() if name != "signature"}
    public.verify(base64.b64decode(receipt["signature"]), rfc8785.dumps(body))
    record = (await place.services.records(place.election.uuid, BallotAccepted))[0]
    assert receipt["position"] == {"partition": record.position.partition, "offset": record.position.offset}
    text = (await place.audited(f"ballots/{receipt['tracker']}")).text
    assert text == record.envelope.data.ballot


async def test_a_replica_shows_who_does_its_arithmetic(place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def shown() -> dict[str, object]:
        return (await place.client.get("/readyz")).json()["checks"]["arithmetic"]

    assert (await shown())["detail"].startswith(native.arithmetic())
    monkeypatch.setattr(native, "core", None)
    assert await shown() == {"ok": True, "detail": await native.check()}, "the same is accepted, only later"
    assert (await native.check()).startswith(native.REFERENCE)


@pytest.mark.usefixtures("without_core")
async def test_a_killed_verification_worker_is_replaced_before_anybody_casts(place) -> None:
    await place.cast(0)
    workers = {process.pid for process in multiprocessing.active_children()}
    for pid in workers:
        os.kill(pid, signal.SIGKILL)

    async def others_work() -> bool:
        return bool({process.pid for process in multiprocessing.active_children()} - workers)

    await eventually(others_work)
    await place.cast(1)


async def test_the_same_ballot_again_gets_the_same_receipt_and_no_second_record(place) -> None:
    cast = place.new_cast(0)
    first, again = await place.post(cast), await place.post(cast)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert len(await place.services.records(place.election.uuid, BallotAccepted)) == 1


async def test_the_last_ballot_of_a_credential_supersedes_the_others_once_logged(place) -> None:
    first, last = await place.cast(0), await place.cast(0, NO)
    assert await place.superseded_by(first["tracker"]) is None
    await place.log(first, last)
    assert await place.superseded_by(first["tracker"]) == last["tracker"]
    assert await place.superseded_by(last["tracker"]) is None


async def test_a_ballot_is_logged_only_when_a_checkpoint_covers_it(place) -> None:
    covered, waiting = await place.cast(0), await place.cast(1)
    assert (await place.status(covered["tracker"]))["state"] == "accepted"
    await place.log(covered)
    shown = await place.status(covered["tracker"])
    assert (shown["state"], shown["log_index"], shown["checkpoint_size"]) == ("logged", 0, 1)
    assert (await place.status(waiting["tracker"]))["state"] == "accepted"
    board = (await place.client.get(f"{place.base}/ballots")).json()
    assert [line["tracker"] for line in board["items"]] == [covered["tracker"]]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a":NaN}', b"nul", b'"\\ud800"x'], ids=range(7)
)
async def test_what_is_not_json_is_malformed(place, body: bytes) -> None:
    assert await place.refused(body) in {(400, "malformed-json"), (422, "invalid-ballot")}


async def test_unknown_fields_and_other_texts_of_the_same_ballot_are_invalid(place) -> None:
    ballot = place.ballot(0)
    value = json.loads(ballot)
    changes = [
        "{}",
        ballot + "\0",
        ballot.replace("{", '{"extra":1,', 1),
        ballot.replace(":", ": ", 1),
        json.dumps(value, indent=1),
        ballot.replace('"answers":', '"answers":[],"answers":', 1),
        json.dumps({**value, "answers": value["answers"] * 2}, separators=(",", ":")),
        json.dumps({name: value[name] for name in reversed(value)}, separators=(",", ":")),
    ]
    for changed in changes:
        assert await place.refused(place.signed(0, changed, 1)) == (422, "invalid-ballot"), changed[:80]
    whole = json.loads(place.signed(0, ballot, 1))
    for cast in (value, [], ballot, {**whole, "more": 1}, {"ballot": ballot}, {**whole, "ballot": value}):
        assert await place.refused(json.dumps(cast)) == (422, "invalid-ballot")


async def test_numbers_that_are_not_canonical_are_invalid(place) -> None:
    ballot = place.ballot(0)
    response = json.loads(ballot)["signature"]["proof"]["response"]
    for number in ("0" + response, f"+{response}", str(int(response) + ED25519.order), "-1", "٣", "1e3", ""):
        changed = place.signed(0, ballot.replace(f'"{response}"', f'"{number}"'), 1)
        assert await place.refused(changed) == (422, "invalid-ballot")


@pytest.mark.parametrize("point", BAD_POINTS.values(), ids=BAD_POINTS.keys())
async def test_points_outside_the_group_are_invalid(place, point: str) -> None:
    ballot = json.loads(place.ballot(0))
    ballot["answers"][0]["choices"][1]["alpha"] = point
    assert await place.refused(place.signed(0, sign_again(place, ballot, 0), 1)) == (422, "invalid-ballot")


async def test_a_neutral_element_that_nothing_is_proven_of_is_a_bad_proof(place) -> None:
    """It is in the group: who proves it hides nothing of the own vote, and harms nobody else."""
    ballot = json.loads(place.ballot(0))
    ballot["answers"][0]["choices"][1]["alpha"] = (1).to_bytes(32, "big").hex()
    assert await place.refused(place.signed(0, sign_again(place, ballot, 0), 1)) == (422, "bad-proof")


async def test_a_huge_body_is_refused_before_it_is_read(place) -> None:
    assert await place.refused(b"x" * (256 * 1024 + 1)) == (413, "body-too-large")


async def test_elections_are_not_mixed_up(place) -> None:
    other, _ = await place.services.open_election(1)
    assert await place.refused(place.new_cast(0), uuid=other.uuid) == (422, "wrong-election")
    ballot = place.ballot(0).replace(place.election.uuid, "9" * 14)
    assert await place.refused(place.signed(0, ballot, 1), uuid="9" * 14) == (404, "unknown-election")


async def test_a_credential_that_is_not_on_the_list_is_refused(place) -> None:
    place.credentials.append(generate(ED25519, random(3)))
    assert await place.refused(place.new_cast(-1)) == (403, "unknown-credential")


async def test_a_changed_ballot_has_a_bad_signature(place) -> None:
    mine, other = json.loads(place.ballot(0)), json.loads(place.ballot(0))
    forged = {**mine, "answers": other["answers"]}
    assert await place.refused(place.signed(0, json.dumps(forged, separators=(",", ":")), 1)) == (422, "bad-signature")


async def test_a_vote_that_is_not_proven_valid_has_a_bad_proof(place) -> None:
    ballot, other = json.loads(place.ballot(0)), json.loads(place.ballot(0))
    ballot["answers"][0]["overall_proof"] = other["answers"][0]["overall_proof"]
    assert await place.refused(place.signed(0, sign_again(place, ballot, 0), 1)) == (422, "bad-proof")


async def test_a_copied_ciphertext_is_refused_whichever_replica_it_reaches(two_replicas) -> None:
    place = two_replicas
    victim = place.ballot(0)
    assert (await place.post(place.signed(0, victim, 1))).status_code == 201
    thief = place.signed(1, sign_again(place, json.loads(victim), 1), 1)
    for replica in (0, 1):
        assert await place.refused(thief, replica) == (409, "duplicate-ciphertext")


async def test_a_cast_asks_the_tables_once_and_reserves_once(place, monkeypatch) -> None:
    asked = Counter[str]()

    def counted(name: str) -> None:
        real = getattr(store, name)

        async def ask(*arguments: object) -> object:
            asked[name] += 1
            return await real(*arguments)

        monkeypatch.setattr(store, name, ask)

    for name in ("look_at", "look_and_reserve", "check_ciphertexts", "load_election"):
        counted(name)
    for voter in (0, 1, 0):
        assert (await place.post(place.new_cast(voter))).status_code == 201
    # The election is read when the first ballot comes, and never again.
    assert asked == {"look_at": 1, "look_and_reserve": 3, "load_election": 1}


async def test_whom_the_tables_refuse_is_not_verified_where_that_is_dearer_than_to_ask_them(place, monkeypatch) -> None:
    """As in the larger group, and without the core: a key that anybody makes must not buy tens of milliseconds."""
    await place.cast(0)
    verified: list[str] = []
    check = place.service.intake.verifier.check

    async def noted(election_json: str, cast: BallotAccepted) -> object:
        verified.append(cast.credential)
        return await check(election_json, cast)

    place.credentials.append(generate(ED25519, random(3)))
    monkeypatch.setattr(place.service.intake.verifier, "check", noted)
    monkeypatch.setattr(verification, "_QUICK_CHARACTERS", 0)
    assert await place.refused(place.new_cast(-1)) == (403, "unknown-credential")
    assert not verified
    await place.cast(1)
    assert len(verified) == 1


async def reserved(place) -> int:
    return int(await place.service.pool.fetchval("SELECT count(*) FROM reservations"))


async def test_before_the_opening_and_behind_the_close_nobody_buys_arithmetic_or_reserves(place, monkeypatch) -> None:
    await place.cast(0)
    before, verified = await reserved(place), []
    check = place.service.intake.verifier.check

    async def noted(election_json: str, cast: BallotAccepted) -> object:
        verified.append(cast.credential)
        return await check(election_json, cast)

    monkeypatch.setattr(place.service.intake.verifier, "check", noted)
    for moved, problem in ((-1, (403, "election-not-open")), (9, (503, "close-pending"))):
        place.clock.moved = timedelta(hours=moved)
        assert await place.refused(place.new_cast(1)) == problem
    assert (verified, await reserved(place)) == ([], before)
    place.clock.moved = timedelta()
    await place.cast(1)
    # An officer closes it before the hour, and no clock tells: the first one who asks the tables does.
    await place.services.close_election(place.election.uuid)

    async def closed() -> bool:
        return bool(await place.service.pool.fetchval("SELECT count(*) = 3 FROM close_markers"))

    await eventually(closed)
    before, verified[:] = await reserved(place), []
    for _ in range(3):
        assert await place.refused(place.new_cast(2)) == (403, "election-closed")
    assert (len(verified), await reserved(place)) == (1, before)


async def test_whose_window_ends_during_the_arithmetic_reserves_nothing(place, monkeypatch) -> None:
    await place.cast(0)
    before, check = await reserved(place), place.service.intake.verifier.check

    async def long(election_json: str, cast: BallotAccepted) -> object:
        examined = await check(election_json, cast)
        place.clock.moved = timedelta(hours=9)
        return examined

    monkeypatch.setattr(place.service.intake.verifier, "check", long)
    assert await place.refused(place.new_cast(1)) == (503, "close-pending")
    assert await reserved(place) == before


@pytest.mark.parametrize("quick_characters", [100_000, 0], ids=["arithmetic first", "tables first"])
async def test_which_refusal_a_cast_gets_does_not_depend_on_what_is_looked_at_first(
    place, monkeypatch, quick_characters: int
) -> None:
    def badly_signed(voter: int) -> str:
        mine, other = json.loads(place.ballot(voter)), json.loads(place.ballot(voter))
        return json.dumps({**mine, "answers": other["answers"]}, separators=(",", ":"))

    def badly_proven(voter: int) -> str:
        mine, other = json.loads(place.ballot(voter)), json.loads(place.ballot(voter))
        mine["answers"][0]["overall_proof"] = other["answers"][0]["overall_proof"]
        return sign_again(place, mine, voter)

    def with_order_of(body: str, other: str) -> str:
        return json.dumps({**json.loads(body), "order": json.loads(other)["order"]})

    await place.cast(1)  # the replica has read the election by now
    first, second = place.new_cast(0), place.new_cast(0)
    receipt = (await place.post(first)).json()
    assert (await place.post(second)).status_code == 201
    place.credentials.append(generate(ED25519, random(3)))
    monkeypatch.setattr(verification, "_QUICK_CHARACTERS", quick_characters)

    async def problems(voter: int, number: int) -> list[str]:
        bodies = [place.signed(voter, make(voter), number) for make in (badly_signed, badly_proven)]
        bodies.append(with_order_of(place.new_cast(voter), first))
        return [(await place.refused(body))[1] for body in bodies]

    older = "older-than-your-last-ballot"
    assert await problems(-1, 1) == ["unknown-credential"] * 3
    # What the last number is, nobody is told who didn't sign; nor does who may not add a ballot learn of its proofs.
    assert await problems(0, 1) == ["bad-signature", older, "invalid-order"]
    assert await problems(0, 9) == ["bad-signature", "bad-proof", "invalid-order"]

    async def known_again() -> list[object]:
        others = [with_order_of(first, second), place.signed(0, json.loads(first)["ballot"], 7)]
        return [(await place.post(body)).json() for body in others]

    assert await known_again() == [receipt, receipt], "whatever order comes with it: the first one counts"
    place.clock.moved = timedelta(hours=9)
    assert await problems(0, 9) == ["close-pending"] * 3
    assert await known_again() == [receipt, receipt]


def opened(place, voter: int, number: int) -> BallotAccepted:
    return open_cast(place.signed(voter, place.ballot(voter), number).encode(), place.election.uuid)


async def test_a_reservation_waits_for_no_disk_and_changes_nothing_else_on_its_connection(place) -> None:
    one, another = opened(place, 0, 1), opened(place, 1, 1)
    async with place.service.pool.acquire() as connection:
        assert (await store.look_and_reserve(connection, one, ["1", "2", "2"]))[1] is Promise.NOW
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert (await store.look_and_reserve(connection, one, ["2", "1"]))[1] is Promise.BEFORE
        assert (await store.look_and_reserve(connection, another, ["3", "2"]))[1] is Promise.NONE


async def test_nothing_is_reserved_for_strangers_nor_for_an_order_that_is_refused(place) -> None:
    await place.cast(0)
    place.credentials.append(generate(ED25519, random(3)))

    async def projected() -> bool:
        return bool((await store.look_at(place.service.pool, place.election.uuid, older.credential)).ballots)

    older = opened(place, 0, 1)
    await eventually(projected)
    async with place.service.pool.acquire() as connection:
        for cast in (older, opened(place, -1, 1)):
            look, promise = await store.look_and_reserve(connection, cast, ["1", "2"])
            assert (look.is_listed, promise) == (cast is older, Promise.NONE)
        newer = opened(place, 0, 2)
        assert (await store.look_and_reserve(connection, newer, ["1", "2"]))[1] is Promise.NOW, "they are nobody's"


async def test_nothing_is_reserved_behind_the_close(place) -> None:
    async with place.service.pool.acquire() as connection:
        await connection.execute("INSERT INTO closed_elections VALUES ($1)", place.election.uuid)
        look, promise = await store.look_and_reserve(connection, opened(place, 0, 1), ["1", "2"])
    assert (look.window.closed, promise, await reserved(place)) == (True, Promise.NONE, 0)


async def test_nothing_is_reserved_for_a_credential_that_has_no_ballots_left(place, monkeypatch) -> None:
    await place.cast(0)
    cast = opened(place, 0, 2)

    async def projected() -> bool:
        return bool((await store.look_at(place.service.pool, place.election.uuid, cast.credential)).ballots)

    await eventually(projected)
    monkeypatch.setattr(store, "MOST_BALLOTS", 1)
    async with place.service.pool.acquire() as connection:
        assert (await store.look_and_reserve(connection, cast, ["1", "2"]))[1] is Promise.NONE
        monkeypatch.setattr(store, "MOST_BALLOTS", 2)
        assert (await store.look_and_reserve(connection, cast, ["1", "2"]))[1] is Promise.NOW
        monkeypatch.setattr(store, "MOST_BALLOTS", 1)
        assert (await store.look_and_reserve(connection, cast, ["1", "2"]))[1] is Promise.BEFORE, "it was let in"


async def test_of_two_ballots_with_equal_ciphertexts_one_is_promised_them_and_none_is_held_up(place) -> None:
    one, another = opened(place, 0, 1), opened(place, 1, 1)
    async with place.service.pool.acquire() as first, place.service.pool.acquire() as second:
        for round_ in range(10):
            digests = [f"{round_} {number:03}" for number in range(300)]
            answers = await asyncio.gather(
                store.look_and_reserve(first, one, digests), store.look_and_reserve(second, another, digests[::-1])
            )
            assert {promise for _, promise in answers} == {Promise.NONE, Promise.NOW}


async def test_who_casts_while_the_tables_lack_a_close_that_was_seen_is_not_told_of_a_copied_ciphertext(place) -> None:
    """They are being made again from the log; the replica knows of the close, and asked them for no promise."""
    await place.cast(0)
    elections = place.service.intake.elections
    [(uuid, election)] = elections.items()
    elections[uuid] = dataclasses.replace(election, window=dataclasses.replace(election.window, closed=True))
    assert (await place.refused(place.new_cast(1)))[1] == "close-pending"


async def test_nothing_is_taken_before_the_opening(place) -> None:
    place.election, place.credentials = await place.services.open_election(1, opens_in=timedelta(hours=1))
    cast = place.new_cast(0)

    async def known() -> bool:
        return (await place.client.get(f"{place.base}/turnout")).status_code == 200

    await eventually(known)
    assert await place.refused(cast) == (403, "election-not-open")
    place.clock.moved = timedelta(hours=2)
    assert (await place.post(cast)).status_code == 201


async def test_after_the_close_new_ballots_are_refused_and_receipts_given_again(place) -> None:
    cast = place.new_cast(0)
    receipt = (await place.post(cast)).json()
    await place.services.close_election(place.election.uuid)

    async def closed() -> bool:
        return (await place.post(place.new_cast(1))).status_code == 403

    await eventually(closed)
    assert await place.refused(place.new_cast(1)) == (403, "election-closed")
    again = await place.post(cast)
    assert (again.status_code, again.json()) == (200, receipt)


async def test_the_clock_closes_the_window_too(place) -> None:
    place.clock.moved = timedelta(hours=9)
    response = await place.post(place.new_cast(0))
    assert (response.status_code, place.slug(response)) == (503, "close-pending")
    assert int(response.headers["Retry-After"]) > 0 and response.json()["closes_at"]


def limit_credentials(place, ballots: int) -> None:
    """So many at once, and then none while a test runs, however long it takes."""
    limit = TokenBucket(1 / 3600, ballots)
    place.service.intake = dataclasses.replace(place.service.intake, credential_limit=limit)


async def test_one_credential_can_not_flood_the_box(place) -> None:
    limit_credentials(place, 2)
    casts = [place.new_cast(0) for _ in range(3)]
    answers = [await place.post(cast) for cast in casts]
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert (await place.post(casts[0])).json() == answers[0].json(), "who has a receipt gets it again"
    assert (place.slug(answers[-1]), int(answers[-1].headers["Retry-After"]) > 0) == ("rate-limited", True)


async def test_what_the_tables_answer_by_themselves_uses_up_nobody_s_share(place) -> None:
    """Neither repeating a cast nor casting out of hours keeps a voter from casting; of strangers nothing is kept."""
    first = place.new_cast(0)
    assert (await place.post(first)).status_code == 201
    limit_credentials(place, 1)
    for _ in range(3):
        assert (await place.post(first)).status_code == 200, "somebody has the bytes, and sends them again"
    place.credentials.append(generate(ED25519, random(3)))
    assert await place.refused(place.new_cast(-1)) == (403, "unknown-credential")
    assert len(place.service.intake.credential_limit) == 0
    place.clock.moved = timedelta(hours=9)
    for _ in range(3):
        assert await place.refused(place.new_cast(0)) == (503, "close-pending")
    place.clock.moved = timedelta()
    assert (await place.post(place.new_cast(0))).status_code == 201
    assert await place.refused(place.new_cast(0)) == (429, "rate-limited")


async def test_junk_that_names_a_credential_does_not_lock_its_owner_out(place) -> None:
    """Credentials are on a public list: only what the credential has signed counts against it."""
    limit_credentials(place, 1)
    mine, other = json.loads(place.ballot(0)), json.loads(place.ballot(0))
    junk = json.dumps({**mine, "answers": other["answers"]}, separators=(",", ":"))
    for _ in range(2):
        assert await place.refused(place.signed(0, junk, 1)) == (422, "bad-signature")
    assert (await place.post(place.new_cast(0))).status_code == 201


async def test_a_credential_casts_so_many_ballots_in_an_election_whatever_replica_takes_them(
    two_replicas, monkeypatch
) -> None:
    place = two_replicas
    for module in (history, store):
        monkeypatch.setattr(module, "MOST_BALLOTS", 2)
    casts = [place.new_cast(0) for _ in range(3)]
    assert (await place.post(casts[0], replica=0)).status_code == 201
    junk = place.signed(0, place.ballot(0).replace('"answers":', '"x":1,"answers":', 1), 2)
    assert await place.refused(junk) == (422, "invalid-ballot")
    assert (await place.post(casts[1], replica=1)).status_code == 201

    async def shown_by_the_tables() -> bool:
        # Until then a replica that hasn't read it yet would take one more, or promise it that it may come.
        return await place.service.pool.fetchval("SELECT count(*) FROM ballots") == 2

    await eventually(shown_by_the_tables)
    for replica in (0, 1):
        refused = await place.post(casts[2], replica)
        assert (refused.status_code, place.slug(refused), refused.json()["most"]) == (403, "no-ballots-left", 2)
    assert (await place.post(casts[1])).status_code == 200, "the same bytes again are not counted again"
    assert (await place.post(place.new_cast(1))).status_code == 201, "of another credential"


async def test_every_refusal_is_counted_by_its_type(place) -> None:
    await place.refused(b"{")
    await place.refused(place.signed(0, place.ballot(0).replace('"answers":', '"x":1,"answers":', 1), 1))
    metrics = (await place.client.get("/metrics", auth=place.access)).text
    for refusal in ("malformed-json", "invalid-ballot"):
        assert any(refusal in line and "evote_problems_total" in line for line in metrics.splitlines()), refusal


async def test_metrics_tell_the_pool_and_what_the_projection_does(place) -> None:
    assert (await place.post(place.new_cast(0))).status_code == 201

    async def projected() -> bool:
        found.update(
            line.rsplit(" ", 1) for line in (await place.client.get("/metrics", auth=place.access)).text.splitlines()
        )
        return float(found['evote_projection_last_apply_timestamp_seconds{projection="ballot"}']) > 0

    found: dict[str, str] = {}
    await eventually(projected)
    assert float(found['evote_projection_assigned_partitions{projection="ballot"}']) > 0
    assert float(found['evote_projection_rebalances_total{projection="ballot"}']) > 0
    assert float(found['evote_db_pool_connections{state="idle"}']) > 0
    assert float(found["evote_turnout_watchers"]) == 0


async def test_markers_close_every_partition_once_with_two_replicas(two_replicas) -> None:
    place = two_replicas
    await place.services.close_election(place.election.uuid)

    async def marked() -> bool:
        return len(await place.services.records(place.election.uuid, BallotBoxClosed)) >= 3

    await eventually(marked)
    await asyncio.sleep(1.5)
    markers = await place.services.records(place.election.uuid, BallotBoxClosed)
    assert [marker.position.partition for marker in markers] == [0, 1, 2]
    assert {marker.envelope.data.partitions for marker in markers} == {3}


async def test_a_record_behind_the_marker_gets_no_receipt(place) -> None:
    """A marker is in the partition before this replica knows of the close: the log has the last word."""
    for partition in range(3):
        await place.services.producer.publish(
            BallotBoxClosed(election_uuid=place.election.uuid, partition=partition, partitions=3), partition=partition
        )
    assert await place.refused(place.new_cast(0)) == (403, "election-closed")
    record = (await place.services.records(place.election.uuid, BallotAccepted))[0]
    status = await place.client.get(f"{place.base}/status/{record.envelope.data.tracker}")
    assert status.status_code == 404, "a ballot behind the marker is not accepted"


async def test_two_replicas_give_one_ballot_one_receipt(two_replicas) -> None:
    place = two_replicas
    cast = place.new_cast(0)
    answers = await asyncio.gather(place.post(cast, 0), place.post(cast, 1), place.post(cast, 0))
    assert all(answer.status_code in (200, 201) for answer in answers)
    assert len({json.dumps(answer.json()) for answer in answers}) == 1


async def test_two_ballots_of_one_credential_get_one_order_on_both_replicas(two_replicas) -> None:
    place = two_replicas
    receipts = [await place.cast(0, replica=0), await place.cast(0, NO, replica=1)]
    assert len({receipt["position"]["partition"] for receipt in receipts}) == 1
    await place.log(*receipts)
    for replica in (0, 1):
        assert await place.superseded_by(receipts[0]["tracker"], replica) == receipts[1]["tracker"]


@pytest.mark.slow
@pytest.mark.usefixtures("as_deployed")
async def test_without_kafka_the_answer_is_503_and_it_heals_by_itself(
    kafka_of_its_own, ballot_settings_for, clock, polling_place_of
) -> None:
    node: KafkaNode
    node, kafka = kafka_of_its_own
    async with polling_place_of(kafka, ballot_settings_for(kafka), clock, replicas=1) as place:
        cast = place.new_cast(0)
        node.kill()
        response = await place.post(cast)
        assert (response.status_code, place.slug(response)) == (503, "log-unavailable")
        assert int(response.headers["Retry-After"]) > 0
        assert (await place.client.get("/statusz")).status_code == 503
        ready = (await place.client.get("/readyz")).json()
        assert "kafka" not in ready["checks"], "a sneeze takes no replica from the voters"
        node.start()

        async def healed() -> bool:
            return (await place.post(cast)).status_code in (200, 201)

        await eventually(healed)

        async def ready() -> bool:
            return (await place.client.get("/statusz")).status_code == 200

        await eventually(ready)


async def test_an_id_that_a_client_brings_from_auth_is_neither_returned_nor_logged(place, capsys) -> None:
    """A page that sends one id to both services would join a person to a ballot in their logs."""
    capsys.readouterr()
    sent = {"X-Request-Id": "1d" * 8, "traceparent": f"00-{'1d' * 16}-{'1d' * 8}-01"}
    response = await place.client.post(f"{place.base}/ballots", content=place.new_cast(0), headers=sent)
    assert response.status_code == 201
    written = "".join(capsys.readouterr())
    assert response.headers["x-request-id"] in written
    assert "1d1d1d1d" not in written + response.text + str(response.headers)


async def test_what_a_replica_has_verified_it_does_not_examine_again_when_it_reads_it_back(place, monkeypatch) -> None:
    def examined_again(cast: BallotAccepted) -> object:
        raise AssertionError("its tracker and its order statement were looked at a moment ago")

    await place.cast(0)
    monkeypatch.setattr(readback, "_UNASKED_S", 600)  # a look may see a record before its replica hears of it
    await place.service.read_back.catch_up()
    monkeypatch.setattr(history, "examine_cast", examined_again)
    for voter in (0, 1, 2):
        await place.cast(voter)


async def test_a_thread_gives_what_it_finds_or_what_goes_wrong_and_leaves_out_whose_voter_has_gone() -> None:
    workers, held, called = verification._WorkerThreads(1), threading.Event(), list[int]()

    def fail(_: int) -> None:
        raise ZeroDivisionError

    try:
        assert await workers.run(sum, (1, 2)) == 3
        with pytest.raises(ZeroDivisionError):
            await workers.run(fail, 1)
        holding = asyncio.create_task(workers.run(held.wait))
        gone, staying = (asyncio.create_task(workers.run(called.append, number)) for number in (1, 2))
        await asyncio.sleep(0)  # all three are in the queue
        gone.cancel()
        held.set()
        await asyncio.gather(holding, staying)
        assert (called, gone.cancelled()) == ([2], True)
    finally:
        workers.close()
    for thread in workers._threads:
        await asyncio.to_thread(thread.join, 10)
        assert not thread.is_alive()


async def test_who_waits_for_a_thread_when_the_replica_stops_is_told_at_once() -> None:
    workers, held, taken = verification._WorkerThreads(1), threading.Event(), threading.Event()

    def hold() -> bool:
        taken.set()
        return held.wait()

    holding, waiting = (asyncio.create_task(workers.run(work)) for work in (hold, held.is_set))
    assert await asyncio.to_thread(taken.wait, 30)
    workers.close()
    held.set()
    await asyncio.wait([holding, waiting], timeout=30)
    assert (holding.result(), waiting.cancelled()) == (True, True)
