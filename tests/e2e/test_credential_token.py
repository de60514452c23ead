"""A referendum whose credentials come from a PKCS #11 token: from the key's making to its destruction."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from evote_local.nodes.softhsm import SoftToken
from evote_local.people.voters import Voter, VoterRefused, open_client
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.referendum.verification import run_evote_verify
from evote_local.stack.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(900)]

VOTERS = 6


def test_a_referendum_whose_credentials_come_from_a_token(stack: Stack, soft_token: SoftToken, tmp_path: Path) -> None:
    auth = stack.auth
    auth.stop()
    auth.environment = {
        **{name: value for name, value in auth.environment.items() if name != "EVOTE_MASTER_KEY_FILE"},
        **soft_token.environment,
        "EVOTE_CREDENTIAL_TOKEN_MODULE": str(soft_token.module),
        "EVOTE_CREDENTIAL_TOKEN_LABEL": soft_token.label,
        "EVOTE_CREDENTIAL_TOKEN_PIN_FILE": str(soft_token.pin_file),
    }
    auth.start()
    auth.wait_ready()
    asyncio.run(_referendum(stack, tmp_path))


async def _referendum(stack: Stack, directory: Path) -> None:
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=VOTERS, seed=28)
        officers = referendum.officers

        async def make_the_key(election_uuid: str) -> None:
            made = await _keys(stack, "create", election_uuid)
            assert made.returncode == 0, made.stderr

        await referendum.prepare(make_the_key)
        referendum.issue_cards(lambda: None)
        with device_pool() as executor:
            polls = await referendum.open_polls(executor)
            await referendum.vote(polls, referendum.plan_visits(), lambda: None)
            # The same card again, by whatever replica: the same credential.
            again = Voter(number=0, card=referendum.voters[0].card)
            assert await polls.obtain_credential(again, client) == referendum.voters[0].credential
            early = await _keys(stack, "destroy", officers.election_uuid, f"{officers.election_uuid}\n")
            assert early.returncode == 1 and "no certified result" in early.stderr
            assert await referendum.close_and_count() == referendum.expected_result()
            destroyed = await _keys(stack, "destroy", officers.election_uuid, f"{officers.election_uuid}\n")
            assert destroyed.returncode == 0, destroyed.stderr
            with pytest.raises(VoterRefused):
                await polls.obtain_credential(Voter(number=0, card=referendum.voters[0].card), client)
        await officers.download_archive(directory / "final.bel")
    verdict = run_evote_verify(directory / "final.bel")
    assert verdict.accepted, verdict.output


async def _keys(stack: Stack, action: str, election_uuid: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """As an operator does it, on auth's machine."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", stack.auth.module, "keys", action, "--election", election_uuid],
        env=dict(stack.auth.environment),
        input=typed,
        capture_output=True,
        text=True,
        check=False,
    )
