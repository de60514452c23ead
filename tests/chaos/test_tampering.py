"""Chains and witnesses that are down, and storage that somebody tampers with, on a running platform."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from pathlib import Path

import asyncpg
import httpx
import pytest
from evote_anchors.anchor import Anchor
from evote_anchors.ethereum.fees import FeePolicy
from evote_anchors.ethereum.key import load_key
from evote_anchors.ethereum.writer import EthereumWriter, SendingPolicy
from evote_local.people.voters import Cast, PollingDay, open_client
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.referendum.verification import Verdict, verify_as_auditor
from evote_local.stack.stack import Stack
from evote_local.testbed import patiently

pytestmark = [pytest.mark.stack, pytest.mark.slow]

VOTERS = 9
_CHOICE, _ENCODED = "賛成", [[0, 1, 0]]


@dataclass
class Place:
    """An open referendum on a running stack."""

    stack: Stack
    client: httpx.AsyncClient
    referendum: Referendum
    day: PollingDay
    directory: Path

    async def vote(self, number: int) -> Cast:
        voter = self.referendum.voters[number]
        await self.day.obtain_credential(voter, self.client)
        return await self.day.cast(voter, _CHOICE, _ENCODED, self.client)

    async def coverage(self) -> tuple[int, int, int]:
        """Sizes: of the log, of what is witnessed, of what is final on the chain."""
        found = (await self.client.get(f"{self.stack.ledger_anchor.url}/coverage")).json()
        (chain,) = found["chains"]
        return found["size"], found["witnessed_size"], chain["verified_size"]

    async def all_covered(self) -> bool:
        size, witnessed, anchored = await self.coverage()
        return size > 0 and witnessed == anchored == size

    async def state(self, cast: Cast) -> str:
        uuid = self.referendum.officers.election_uuid
        status = await self.client.get(f"{self.stack.ballots[0].url}/elections/{uuid}/status/{cast.tracker}")
        return str(status.json()["state"])

    async def notices(self) -> list[dict[str, str]]:
        return (await self.client.get(f"{self.stack.ledger_anchor.url}/notices")).json()["items"]

    async def detected(self, kind: str) -> float:
        """What the monitor's metric says."""
        metrics = (
            await self.client.get(
                f"{self.stack.ledger_anchor.url}/metrics", auth=self.stack.identities.staff.signing("ledger-anchor")
            )
        ).text
        name = f'evote_ledger_tampering_detected_total{{kind="{kind}"}} '
        return next((float(line.removeprefix(name)) for line in metrics.splitlines() if line.startswith(name)), 0)

    async def audit(self, cast: Cast) -> Verdict:
        """During the vote, as an auditor of record."""
        auditor = self.stack.identities.staff.signing("tally")
        await self.referendum.officers.download_archive(self.directory / "archive.bel", auditor=auditor)
        return await verify_as_auditor(self.stack, self.client, cast.receipt, self.directory)


def test_outages_of_chain_and_witnesses_delay_nothing_and_tampering_is_seen(stack: Stack, tmp_path: Path) -> None:
    _look_every_second(stack)
    asyncio.run(_story(stack, tmp_path))


def _look_every_second(stack: Stack) -> None:
    """The monitor looks once a minute otherwise."""
    patient = stack.ledger_anchor
    patient.stop()
    eager = replace(patient, environment={**patient.environment, "EVOTE_MONITOR_INTERVAL_S": "1"}, process=None)
    stack.services[stack.services.index(patient)] = eager
    eager.start()
    eager.wait_ready()


async def _story(stack: Stack, directory: Path) -> None:
    async with open_client(timeout_s=60) as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=VOTERS, seed=5)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        with device_pool() as executor:
            place = Place(stack, client, referendum, await referendum.open_polls(executor), directory)
            cast = await _everything_down_and_back(place)
            verdict = await place.audit(cast)
            assert verdict.accepted, verdict.output
            assert "checkpoint - ethereum" in verdict.output
            assert await place.notices() == []
            await _a_changed_ballot_is_seen(place, cast)
            await _a_dropped_ballot_is_seen(place, cast)
            await _an_anchor_that_nobody_asked_for_is_seen(place, cast)
            # And still nobody is kept from voting.
            await place.day.wait_until_logged(await place.vote(8), client)


async def _everything_down_and_back(place: Place) -> Cast:
    before = await place.vote(0)
    await patiently(lambda: _is_anchored(place, before))

    place.stack.chain.node.stop()
    for witness in place.stack.vouching.witnesses:
        witness.kill()
    during = [await place.vote(number) for number in (1, 2, 3)]
    for cast in during:
        await place.day.wait_until_logged(cast, place.client)
    size, witnessed, anchored = await place.coverage()
    assert size > witnessed >= anchored
    assert [await place.state(cast) for cast in during] == ["logged"] * 3

    for witness in place.stack.vouching.witnesses:
        witness.start()
    place.stack.chain.node.start()
    for cast in during:
        await patiently(lambda cast=cast: _is_anchored(place, cast))
    await patiently(place.all_covered)
    return during[0]


async def _a_changed_ballot_is_seen(place: Place, cast: Cast) -> None:
    """An administrator edits one byte of a ballot in the database that the log is served from."""
    connection = await asyncpg.connect(place.stack.database_url)
    where = "topic = 'ballots' AND value LIKE $1"
    pattern = b"%" + cast.tracker.encode() + b"%"
    original = await connection.fetchval(f"SELECT value FROM ledger.records WHERE {where}", pattern)
    changed = original[:200] + bytes([original[200] ^ 1]) + original[201:]
    await connection.execute("UPDATE ledger.records SET value = $2 WHERE value = $1", original, changed)
    began = time.time()
    await patiently(lambda: _is_raised(place, "entry-changed"))
    (notice,) = [notice for notice in await place.notices() if notice["kind"] == "entry-changed"]
    assert notice["intact_at"] is not None
    assert notice["raised_at"] >= time.strftime("%Y-%m-%dT%H:%M", time.gmtime(began))
    verdict = await place.audit(cast)
    assert not verdict.accepted
    await connection.execute("UPDATE ledger.records SET value = $1 WHERE value = $2", original, changed)
    await connection.close()
    assert (await place.audit(cast)).accepted


async def _a_dropped_ballot_is_seen(place: Place, cast: Cast) -> None:
    connection = await asyncpg.connect(place.stack.database_url)
    row = await connection.fetchrow("SELECT * FROM ledger.entries ORDER BY log_index DESC LIMIT 1")
    assert row is not None
    await connection.execute("DELETE FROM ledger.entries WHERE log_index = $1", row["log_index"])
    await patiently(lambda: _is_raised(place, "entry-dropped"))
    await connection.execute("INSERT INTO ledger.entries VALUES ($1, $2, $3, $4, $5)", *row.values())
    await connection.close()
    assert (await place.audit(cast)).accepted


async def _an_anchor_that_nobody_asked_for_is_seen(place: Place, cast: Cast) -> None:
    """A thief of the anchorer's key anchors a log that there never was."""
    stolen = load_key(Path(place.stack.chain.settings["EVOTE_ETHEREUM_KEY_FILE"]))
    policy = SendingPolicy(FeePolicy(100 * 10**9, 10**9), replace_after_s=30)
    thief = EthereumWriter(place.stack.chain.contract, stolen, policy, time.monotonic)
    await thief.submit(Anchor(place.stack.identities.log_key.name, 10**6, bytes(32)))
    await patiently(lambda: _is_raised(place, "anchor-unrequested"))
    await thief.close()
    verdict = await place.audit(cast)
    assert not verdict.accepted
    assert "1000000" in verdict.output


async def _is_anchored(place: Place, cast: Cast) -> bool:
    return await place.state(cast) == "anchored"


async def _is_raised(place: Place, kind: str) -> bool:
    noticed = [notice["kind"] for notice in await place.notices()]
    return kind in noticed and await place.detected(kind) > 0
