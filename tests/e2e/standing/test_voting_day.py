"""The story of a voting day, told once in the group that Debian's belenios-tool verifies."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from evote_belenios.election import parse_election
from evote_eventlog.events import CredentialReleased
from evote_eventlog.producer import EventProducer
from evote_local.people.voters import PollingDay, Voter, VoterRefused, cast_body, encrypt, open_client
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.referendum.verification import auditor_options, run_belenios_tool, run_evote_verify
from evote_local.stack.service import Service
from evote_local.stack.stack import Stack
from evote_local.testbed import patiently
from evote_platform.clock import utc_now
from evote_tlog.checkpoint import VerifierKey, open_checkpoint
from evote_tlog.merkle import leaf_hash
from evote_tlog.proof import verify_inclusion
from evote_tlog.tiles import TILE_WIDTH

from ..evote_command import Done, evote, officer_settings

# A whole day in one test: 271 s were measured on 2 cores with a load of 13.
pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(900)]

VOTERS = 24


def test_a_referendum_is_held_and_verified_by_a_program_we_did_not_write(stack: Stack, tmp_path: Path) -> None:
    asyncio.run(_voting_day(stack, tmp_path))


async def _voting_day(stack: Stack, directory: Path) -> None:
    async with open_client() as client:
        # The weeks before: the election is drafted, the roll frozen, the trustees make their keys.
        referendum = Referendum(stack, client, directory=directory, group="BELENIOS-2048", voters=VOTERS, seed=20261124)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        uuid = referendum.officers.election_uuid

        # The day: everybody votes, some again, over two replicas.
        with device_pool() as executor:
            polls = await referendum.open_polls(executor)
            visits = referendum.plan_visits()
            await referendum.vote(polls, visits[: len(visits) // 2], lambda: None)
            await _nobody_sees_ballots_while_people_vote(stack, client, polls, referendum)
            auditor = stack.identities.staff.signing("tally")
            await referendum.officers.download_archive(directory / "noon.bel", auditor=auditor)
            dashboard = asyncio.create_task(_turnout_reaches(stack, client, uuid, ballots=len(visits)))
            await referendum.vote(polls, visits[len(visits) // 2 :], lambda: None)
            await dashboard
            await _a_lost_card_is_refused(stack, client, polls, referendum)

        # The evening: the box closes, two trustees decrypt, the officers certify.
        assert await referendum.close_and_count() == referendum.expected_result()
        await referendum.officers.download_archive(directory / "final.bel")

        await _the_board_lists_every_receipt(stack, client, referendum)
        await _the_log_proves_every_receipt(stack, client, referendum)
        await _the_auditor_ties_receipt_log_and_archive_together(stack, client, referendum, directory)
        await _a_late_ballot_is_refused(stack, client, referendum)
        await _the_auditor_finds_exactly_what_was_planted(stack, uuid, directory)

    # Afterwards: anyone verifies, with our program and with one that we did not write.
    for verdict in (
        run_evote_verify(directory / "final.bel"),
        run_evote_verify(directory / "noon.bel"),
        run_belenios_tool(directory / "final.bel", uuid),
    ):
        assert verdict.accepted, verdict.output

    # Noon's archive is how the evening's begins: nothing was changed or dropped in between.
    noon = (directory / "noon.bel").read_bytes().rstrip(b"\0")
    assert (directory / "final.bel").read_bytes().startswith(noon)


async def _nobody_sees_ballots_while_people_vote(
    stack: Stack, client: httpx.AsyncClient, polls: PollingDay, referendum: Referendum
) -> None:
    """And each voter shows that the own one is in, by receipt and ballot alone."""
    archive = f"{stack.tally.url}/elections/{referendum.officers.election_uuid}/archive.bel"
    assert (await client.get(archive)).json()["type"].endswith(":withheld-until-the-close")
    voter = next(voter for voter in referendum.voters if voter.casts)

    async def shown() -> bool:
        return await polls.shows(voter.casts[0], voter, client)

    await patiently(shown)


async def _a_lost_card_is_refused(
    stack: Stack, client: httpx.AsyncClient, polls: PollingDay, referendum: Referendum
) -> None:
    """The owner reports it, the authority revokes it, and from then on it gets no credential. The ballot stands."""
    finder = Voter(number=0, card=referendum.voters[0].card)
    await polls.obtain_credential(finder, client)
    for slot in finder.card.slots:
        stack.authority.revoke(slot.certificate)
    stack.publish_lists()
    with pytest.raises(VoterRefused, match="certificate-revoked"):
        await polls.obtain_credential(finder, client)


async def _the_board_lists_every_receipt(stack: Stack, client: httpx.AsyncClient, referendum: Referendum) -> None:
    receipts = {cast.tracker for voter in referendum.voters for cast in voter.casts}
    last = {voter.casts[-1].tracker for voter in referendum.voters}
    boards: list[list[tuple[int, str, bool]]] = []

    async def lists_them() -> bool:
        boards[:] = [await _board(replica, client, referendum.officers.election_uuid) for replica in stack.ballots]
        return all(
            sorted(tracker for _, tracker, _ in board) == sorted(receipts)
            and {tracker for _, tracker, superseded in board if superseded is False} == last
            for board in boards
        )

    await patiently(lists_them)  # ballot's tables follow the log, and so does what the close makes public
    assert boards[0] == boards[1]


async def _board(replica: Service, client: httpx.AsyncClient, uuid: str) -> list[tuple[int, str, bool]]:
    board = (await client.get(f"{replica.url}/elections/{uuid}/ballots?limit=1000")).json()["items"]
    return [(item["log_index"], item["tracker"], item["superseded"]) for item in board]


async def _turnout_reaches(stack: Stack, client: httpx.AsyncClient, uuid: str, *, ballots: int) -> None:
    """What the city's dashboard shows, live: every ballot and every voter, at last."""
    async with client.stream("GET", f"{stack.ballots[1].url}/elections/{uuid}/turnout/events") as events:
        async for line in events.aiter_lines():
            if line.startswith("data:"):
                turnout = json.loads(line.removeprefix("data:"))
                assert turnout["logged"] <= turnout["accepted"] <= ballots
                if turnout["logged"] == ballots:
                    assert turnout["voters"] == turnout["roll_size"] == VOTERS
                    return
    raise AssertionError("the stream ended before every ballot was counted")


async def _the_log_proves_every_receipt(stack: Stack, client: httpx.AsyncClient, referendum: Referendum) -> None:
    log, uuid = stack.ledger_anchor.url, referendum.officers.election_uuid
    key = VerifierKey.parse((await client.get(f"{log}/log-key")).text.strip())
    size = open_checkpoint((await client.get(f"{log}/checkpoint")).text, key).size
    whole, rest = divmod(size, TILE_WIDTH)  # other elections' records are there, too
    bundles = [f"{number:03}" for number in range(whole)] + ([f"{whole:03}.p/{rest}"] if rest else [])
    records: list[bytes] = []
    for bundle in bundles:
        records += _records((await client.get(f"{log}/tile/records/{bundle}")).content)
    for voter in referendum.voters:
        for cast in voter.casts:
            status = (await client.get(f"{stack.ballots[0].url}/elections/{uuid}/status/{cast.tracker}")).json()
            index = status["log_index"]
            proof = (await client.get(f"{log}/proofs/inclusion", params={"index": index, "size": size})).json()
            checkpoint = open_checkpoint(proof["checkpoint"], key)
            hashes = [bytes.fromhex(text) for text in proof["hashes"]]
            verify_inclusion(leaf_hash(records[index]), index, size, hashes, checkpoint.root)
            assert json.loads(records[index])["data"]["tracker"] == cast.tracker


async def _the_auditor_ties_receipt_log_and_archive_together(
    stack: Stack, client: httpx.AsyncClient, referendum: Referendum, directory: Path
) -> None:
    receipt, receipt_key, log_key = (directory / name for name in ("receipt.json", "receipt.key", "log.key"))
    receipt.write_text(json.dumps(referendum.voters[0].casts[-1].receipt))
    receipt_key.write_text((await client.get(f"{stack.ballots[0].url}/receipt-key")).text)
    log_key.write_text((await client.get(f"{stack.ledger_anchor.url}/log-key")).text)
    archive, saved = directory / "final.bel", directory / "saved"
    # Other tests' elections may be open on this stack: their ballots are not public yet.
    keys = ("--log-key", log_key, "--roster", stack.identities.roster_file)
    options = (*keys, "--receipt", receipt, "--receipt-key", receipt_key)
    ties = ("receipt - ballot service", "receipt - archive", "receipt - log", "archive", "archive - log")
    live = ("--log", stack.ledger_anchor.url, "--save", saved, *auditor_options(stack))
    for where in (live, ("--log", saved)):
        verdict = await asyncio.to_thread(run_evote_verify, archive, *where, *options)
        assert verdict.accepted, verdict.output
        for tie in (*ties, "log - its rules", "records - checkpoint", "officers - election"):
            assert f"holds        {tie:<27}" in verdict.output, verdict.output
        assert "certified byte for byte" in verdict.output


def _records(bundle: bytes) -> list[bytes]:
    records = []
    while bundle:
        end = 4 + int.from_bytes(bundle[:4], "big")
        records.append(bundle[4:end])
        bundle = bundle[end:]
    return records


async def _the_auditor_finds_exactly_what_was_planted(stack: Stack, uuid: str, directory: Path) -> None:
    honest = await _audit(stack, uuid, directory)
    assert honest.returncode == 0, honest.stderr
    assert f"投票された資格情報: {VOTERS} 件" in honest.stdout
    # An administrator gives out a credential without a voter: the event is there, evidence can't be.
    producer = EventProducer(stack.kafka_settings, "auth", utc_now)
    planted = CredentialReleased(election_uuid=uuid, voter_ref="0" * 32, evidence_sha256="0" * 64)
    record = await producer.publish(planted)
    await producer.stop()

    async def found() -> bool:
        return (await _audit(stack, uuid, directory)).returncode != 0  # auth projects it soon

    await patiently(found)
    audited = await _audit(stack, uuid, directory)
    assert audited.stderr.splitlines()[1:] == [
        f"  証拠のない資格情報の交付: {record.position.partition}:{record.position.offset}"
    ]


async def _audit(stack: Stack, uuid: str, directory: Path) -> Done:
    """Fetch the releases and reconcile them with the final archive, as the auditor of record does."""
    releases, keys = directory / "releases.ndjson", stack.directory / "keys"
    fetch = ["audit", "fetch", uuid, "--url", stack.auth.url, "--out", str(releases)]
    await asyncio.to_thread(evote, fetch, officer_settings(stack, "kato"))
    arguments = ["--key-file", str(stack.identities.auditor_key_file), "--ca-bundle", str(keys / "test-ca.pem")]
    arguments += ["--releases", str(releases), "--archive", str(directory / "final.bel")]
    return await asyncio.to_thread(evote, ["audit", "releases", *arguments], {})


async def _a_late_ballot_is_refused(stack: Stack, client: httpx.AsyncClient, referendum: Referendum) -> None:
    officers, voter = referendum.officers, referendum.voters[0]
    assert voter.credential is not None
    election_json = (await client.get(f"{stack.tally.url}/elections/{officers.election_uuid}/election.json")).text
    ballot = encrypt(election_json, voter.credential, [[0, 1, 0]])
    response = await client.post(
        f"{stack.ballots[1].url}/elections/{officers.election_uuid}/ballots",
        content=cast_body(parse_election(election_json), voter.credential, ballot, 9),
        headers={"Content-Type": "application/json"},
    )
    assert response.status_code == 403
    assert response.json()["type"].endswith(":election-closed")
