"""Voters whom the roll knows by another spelling, name or card; and an auth that votes for one who never came."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from pathlib import Path
from random import Random

import asyncpg
import httpx
import pytest
from evote_auth.domain.credentials import private_credential
from evote_auth.keys.store import FileKeys
from evote_belenios.credentials import public_credential
from evote_belenios.groups import group_by_name
from evote_cli.credential_register import Remark
from evote_jpki.authority import CardKeys, Person, generate_card_keys
from evote_local.people.residents import make_residents
from evote_local.people.voters import SIGNATURE_PASSWORD, USER_PIN, PollingDay, Voter, VoterRefused, open_client
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.stack.stack import Stack
from evote_local.testbed import patiently

from ..evote_command import Done, run_evote

pytestmark = [pytest.mark.stack, pytest.mark.slow]

YES = [[0, 1, 0]]
GROUP = "Ed25519"
VOTERS, SEED = 5, 7


def test_the_auditor_accepts_what_officers_decided_and_finds_a_vote_without_a_voter(
    stack: Stack, tmp_path: Path
) -> None:
    asyncio.run(_election(stack, tmp_path))


async def _election(stack: Stack, directory: Path) -> None:
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group=GROUP, voters=VOTERS, seed=SEED)
        await referendum.prepare()
        town = Town(stack, referendum, client, generate_card_keys())
        with device_pool() as executor:
            town.polls = await referendum.open_polls(executor)
            await _a_card_in_another_spelling_is_taken(town)
            await _a_married_voter_comes_through_an_officer(town)
            await _a_lost_card_gives_way_to_a_new_one(town)
            honest = await town.audit_until("投票された資格情報: 3 件", directory / "honest.bel")
            assert honest.returncode == 0, honest.stderr
            listed = [line for line in honest.stdout.splitlines() if line.startswith("確認してください")]
            assert [line.split()[1] for line in listed] == [Remark.FOLDED, Remark.OFFICER, Remark.CARD_REPLACED]
            assert all(" 1 件（位置: " in line for line in listed)
            credential = await _auth_votes_for_somebody_who_never_came(town)
        planted = await town.audit_until("投票された資格情報: 4 件", directory / "planted.bel")
        assert planted.returncode == 1
        assert planted.stderr.splitlines()[1:] == [f"  交付の証拠がない資格情報で投票されている: {credential}"]


class Town:
    """The people of one election and their tools."""

    def __init__(self, stack: Stack, referendum: Referendum, client: httpx.AsyncClient, keys: CardKeys) -> None:
        self.stack, self.client, self.keys = stack, client, keys
        self.officers = referendum.officers
        self.uuid = self.officers.election_uuid
        self.polls: PollingDay

    def person(self, number: int) -> Person:
        resident = make_residents(VOTERS, Random(SEED))[number]
        return Person(resident.name, resident.address, resident.birth_date, resident.sex)

    def voter(self, number: int, person: Person) -> Voter:
        card = self.stack.authority.issue_card(person, self.keys, pin=USER_PIN, password=SIGNATURE_PASSWORD)
        return Voter(number, card)

    async def vote(self, voter: Voter) -> None:
        await self.polls.obtain_credential(voter, self.client)
        await self.polls.cast(voter, "はい", YES, self.client)

    async def refused(self, voter: Voter) -> dict:
        with pytest.raises(VoterRefused) as refused:
            await self.polls.obtain_credential(voter, self.client)
        return json.loads(refused.value.problem)

    async def officer(self, *arguments: str) -> str:
        act = ("--reason", "窓口で確認")
        done = await self.evote("officer", arguments[0], self.uuid, *arguments[1:], *act)
        assert done.returncode == 0, done.stderr
        return done.stdout

    async def audit_until(self, line: str, archive: Path) -> Done:
        """Audit the archive as soon as the audit says ``line``: the archive follows the log a moment later."""

        done: Done | None = None

        async def says_it() -> bool:
            nonlocal done
            await self.officers.download_archive(archive, auditor=self.stack.identities.staff.signing("tally"))
            done = await self.audit(archive.parent, archive.name)
            return line in done.stdout

        await patiently(says_it)
        assert done is not None
        return done

    async def audit(self, directory: Path, archive: str) -> Done:
        releases, ca_bundle = directory / "releases.ndjson", self.stack.directory / "keys" / "test-ca.pem"
        await self.evote("audit", "fetch", self.uuid, "--out", str(releases))
        files = ["--releases", str(releases), "--archive", str(directory / archive), "--ca-bundle", str(ca_bundle)]
        return await self.evote("audit", "releases", "--key-file", str(self.stack.identities.auditor_key_file), *files)

    async def evote(self, *arguments: str) -> Done:
        return await run_evote(self.stack, *arguments)


async def _a_card_in_another_spelling_is_taken(town: Town) -> None:
    person = town.person(0)
    respelled = replace(
        person, address=person.address.removeprefix("茨城県").replace("丁目", "－").removesuffix("番地")
    )
    await town.vote(town.voter(0, respelled))


async def _a_married_voter_comes_through_an_officer(town: Town) -> None:
    voter = town.voter(1, replace(town.person(1), name="小鳥遊 婚子"))
    problem = await town.refused(voter)
    assert problem["type"].endswith(":match-pending")
    number = problem["reception_number"]
    shown = await town.evote("officer", "cards", town.uuid)
    assert number in shown.stdout and "小鳥遊 婚子" in shown.stdout and town.person(1).name in shown.stdout
    await town.officer("approve", number, "--voter-id", "000002")
    await town.vote(voter)


async def _a_lost_card_gives_way_to_a_new_one(town: Town) -> None:
    lost, new = town.voter(2, town.person(2)), town.voter(2, town.person(2))
    await town.vote(lost)
    await town.officer("block", "--voter-id", "000003")
    assert (await town.refused(lost))["type"].endswith(":card-blocked")
    await town.vote(new)


async def _auth_votes_for_somebody_who_never_came(town: Town) -> str:
    """What auth's keys and tables make possible, and what the audit is there to show."""
    connection = await asyncpg.connect(town.stack.database_url)
    voter_ref = await connection.fetchval(
        "SELECT voter_ref FROM auth.vault_voters WHERE election_uuid = $1 AND voter_id = '000005'", town.uuid
    )
    await connection.close()
    key = FileKeys(base64.b64decode(town.stack.identities.master_key_file.read_bytes())).key_of(town.uuid)
    group = group_by_name(GROUP)
    private = private_credential(key, group, town.uuid, voter_ref)
    ghost = Voter(4, town.voter(4, town.person(4)).card, credential=private)
    cast = await town.polls.cast(ghost, "はい", YES, town.client)
    await town.polls.wait_until_logged(cast, town.client)
    return public_credential(private, town.uuid, group)
