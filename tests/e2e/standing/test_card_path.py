"""From the page to the receipt with a card in a reader: agent, pyscard, pcscd, virtual reader, emulated chip, auth,
credential, ballot."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from evote_local.nodes.pcsc import why_no_pcscd
from evote_local.people.voters import open_client
from evote_local.referendum.card_corner import READERS, CardCorner
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.referendum.verification import run_evote_verify
from evote_local.stack.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.slow]

VOTERS = 2 * READERS


def test_voters_at_four_readers_at_once_cast_ballots_that_count(stack: Stack, tmp_path: Path) -> None:
    reason = why_no_pcscd()
    if reason is not None:
        pytest.skip(reason)
    asyncio.run(_voting_at_readers(stack, tmp_path))
    verdict = run_evote_verify(tmp_path / "final.bel")
    assert verdict.accepted, verdict.output


async def _voting_at_readers(stack: Stack, directory: Path) -> None:
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=VOTERS, seed=20261124)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        with device_pool() as executor, CardCorner(referendum.officers.election_uuid, directory / "pcsc") as corner:
            assert referendum.seat_at_readers(corner.answer, VOTERS) == VOTERS
            polls = await referendum.open_polls(executor)
            await referendum.vote(polls, referendum.plan_visits(), lambda: None)
        # Every credential came by a reader, and every voter has a receipt whose signature was checked.
        assert corner.answered == VOTERS and not polls.measured.release_s
        assert all(voter.casts for voter in referendum.voters)
        assert await referendum.close_and_count() == referendum.expected_result()
        await referendum.officers.download_archive(directory / "final.bel")
        await _every_release_is_evidenced(stack, referendum.officers.election_uuid, directory)


async def _every_release_is_evidenced(stack: Stack, uuid: str, directory: Path) -> None:
    async with open_client() as client:
        auth = stack.identities.staff.signing("auth")
        lines = (await client.get(f"{stack.auth.url}/elections/{uuid}/releases", auth=auth)).text.splitlines()
    assert len(lines) == VOTERS + 1 and not any('"sealed": null' in line for line in lines)
