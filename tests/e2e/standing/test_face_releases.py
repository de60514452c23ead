"""Voters who come by face, and an auth that invents some: the auditor accepts the first and finds the second.

Biometric is a stand-in here: it says yes to every order, and signs with the key that auth knows.
"""

from __future__ import annotations

import asyncio
import base64
import csv
import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from evote_auth.domain.credentials import private_credential
from evote_auth.keys.store import FileKeys
from evote_belenios.archive import read_ballots
from evote_belenios.credentials import public_credential
from evote_belenios.groups import group_by_name
from evote_eventlog.events import CredentialReleased, VoterAuthenticated
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import RecordPosition
from evote_face.statements import FaceVerdict
from evote_local.people.occasions import DeviceOccasion
from evote_local.people.voters import PollingDay, Voter, open_client
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.stack.stack import Stack
from evote_local.testbed import patiently
from evote_platform.clock import rfc3339, utc_now
from evote_statements.signed import sign_statement
from nacl.public import PublicKey, SealedBox

from ..evote_command import Done, run_evote, run_evote_together

pytestmark = [pytest.mark.stack, pytest.mark.slow]

YES = [[0, 1, 0]]
GROUP = "Ed25519"


def test_the_auditor_accepts_releases_by_face_and_finds_the_planted_ones(stack: Stack, tmp_path: Path) -> None:
    asyncio.run(_election(stack, tmp_path))


async def _election(stack: Stack, directory: Path) -> None:
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group=GROUP, voters=4, seed=3)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        with device_pool() as executor:
            town = Town(stack, referendum, client, directory, await referendum.open_polls(executor))
            await _voters_come_by_face_and_by_card(town)

        async def archived() -> bool:
            await referendum.officers.download_archive(
                directory / "final.bel", auditor=stack.identities.staff.signing("tally")
            )
            return sum(1 for _ in read_ballots(directory / "final.bel")) == 3

        await patiently(archived)  # the archive follows the log a moment later
        honest = await town.audit()
        assert honest.returncode == 0, honest.stderr
        assert "交付: 3 件（カード 1 件、顔 2 件）" in honest.stdout
        assert "投票された資格情報: 3 件" in honest.stdout
        planted = await _auth_invents_releases(town)
        found = honest

        async def all_are_found() -> bool:
            nonlocal found
            found = await town.audit()
            return len(found.stderr.splitlines()) > len(planted)

        await patiently(all_are_found)  # auth projects them soon
        assert found.returncode == 1
        assert sorted(found.stderr.splitlines()[1:]) == sorted(planted)


class Town:
    """The people of one election and their tools."""

    def __init__(
        self, stack: Stack, referendum: Referendum, client: httpx.AsyncClient, directory: Path, polls: PollingDay
    ) -> None:
        self.stack, self.client, self.directory, self.polls = stack, client, directory, polls
        self.uuid = referendum.officers.election_uuid
        self.voters = referendum.voters
        key = load_pem_private_key(stack.identities.face_verdict_key_file.read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        self.biometric = key
        self.base = f"{stack.auth.url}/elections/{self.uuid}"

    async def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        response = await self.client.post(f"{self.base}/{path}", json=body)
        assert response.is_success, response.text
        document: dict[str, Any] = response.json()
        return document

    async def vote_by_face(self, voter: Voter, code: str) -> str:
        """Returns the verdict."""
        occasion = DeviceOccasion(self.uuid)
        answer = await self.post("face-orders", occasion.order_request(code, self.stack.identities.voting_code_key))
        occasion.check_order(answer["order"])
        order = json.loads(answer["order"])
        text = verdict(occasion, order["voter_ref"], self.biometric, order["order_id"])
        answer = await self.post("face-releases", occasion.face_request(order["order_id"], text))
        voter.credential = occasion.credential(answer, order["order_id"])
        await self.vote(voter)
        return text

    async def vote(self, voter: Voter) -> None:
        cast = await self.polls.cast(voter, "はい", YES, self.client)
        await self.polls.wait_until_logged(cast, self.client)

    async def audit(self) -> Done:
        releases, keys = self.directory / "releases.ndjson", self.stack.identities
        await self.evote("audit", "fetch", self.uuid, "--out", str(releases))
        files = ["--releases", str(releases), "--archive", str(self.directory / "final.bel")]
        files += ["--ca-bundle", str(self.stack.directory / "keys" / "test-ca.pem")]
        files += ["--biometric-key", str(keys.face_verdict_public_key_file)]
        return await self.evote("audit", "releases", "--key-file", str(keys.auditor_key_file), *files)

    async def evote(self, *arguments: str) -> Done:
        return await run_evote(self.stack, *arguments)


def verdict(occasion: DeviceOccasion, voter_ref: str, key: Ed25519PrivateKey, order_id: str = "0" * 32) -> str:
    now = utc_now()
    return sign_statement(
        FaceVerdict(
            election_uuid=occasion.election_uuid,
            voter_ref=voter_ref,
            issued_at=now,
            expires_at=now + timedelta(minutes=5),
            order_id=order_id,
            verdict_id=secrets.token_hex(16),
            device_key=occasion.device_key,
        ),
        key,
    )


async def _voters_come_by_face_and_by_card(town: Town) -> None:
    out = town.directory / "codes.csv"
    codes_for_all = ("face", "codes", town.uuid, "--out", str(out), "--reason", "投票所入場券に同封", "--yes")
    done = await run_evote_together(town.stack, "sato", "suzuki", town.directory / "codes.command", *codes_for_all)
    assert done.returncode == 0, done.stderr
    with out.open(encoding="utf-8") as file:
        codes = {row["voter_id"]: row["voting_code"] for row in csv.DictReader(file)}
    assert len(codes) == 4
    await town.vote_by_face(town.voters[0], codes["000001"])
    await town.vote_by_face(town.voters[1], codes["000002"].lower())
    await town.polls.obtain_credential(town.voters[2], town.client)
    await town.vote(town.voters[2])


async def _auth_invents_releases(town: Town) -> list[str]:
    """For a voter who never came: what auth's keys and tables make possible, and what the audit says of each."""
    connection = await asyncpg.connect(town.stack.database_url)
    refs = {
        row["voter_id"]: row["voter_ref"]
        for row in await connection.fetch(
            "SELECT voter_id, voter_ref FROM auth.vault_voters WHERE election_uuid = $1", town.uuid
        )
    }
    ghost, hanako = refs["000004"], refs["000001"]

    def asked(voter_ref: str, key: Ed25519PrivateKey = town.biometric) -> dict[str, str]:
        """auth makes a device of its own, which asks for what it shall."""
        occasion = DeviceOccasion(town.uuid)
        return occasion.face_request("0" * 32, verdict(occasion, voter_ref, key))

    by_another_device = asked(ghost) | {"device_request": asked(ghost)["device_request"]}
    now = rfc3339(utc_now())
    factor = {"kind": "voting-code", "origin": "letter", "issued_at": now, "proven_at": now}
    planted = [
        ("署名が正しくない", {**asked(ghost, Ed25519PrivateKey.generate()), "second_factor": factor}),
        ("顔の照合結果が別の有権者のもの", {**asked(hanako), "second_factor": factor}),
        ("顔の照合の前に投票コードが確かめられていない", asked(ghost)),
        ("端末からの請求がない交付", {"verdict": asked(ghost)["verdict"], "second_factor": factor}),
        ("カードか顔の照合結果が名指す端末が請求していない", {**by_another_device, "second_factor": factor}),
        ("一人に二つの資格情報が交付されている", {**asked(hanako), "second_factor": factor, "voter_ref": hanako}),
    ]
    group = group_by_name(GROUP)
    key = FileKeys(base64.b64decode(town.stack.identities.master_key_file.read_bytes())).key_of(town.uuid)
    private = private_credential(key, group, town.uuid, ghost)
    common = {
        "method": "face",
        "election_uuid": town.uuid,
        "voter_ref": ghost,
        "credential": public_credential(private, town.uuid, group),
        "released_at": now,
    }
    found = []
    for fault, content in planted:
        # Under the pseudonym that it claims, so that it comes behind that voter's own releases in the log.
        claimed = {**common, **content}
        position = await _plant(town, connection, str(claimed["voter_ref"]), claimed)
        found.append(f"  {fault}: {position.partition}:{position.offset}")
    await connection.close()
    return found


async def _plant(
    town: Town, connection: asyncpg.Connection, voter_ref: str, content: Mapping[str, object]
) -> RecordPosition:
    auditor = PublicKey(base64.b64decode(town.stack.identities.auditor_public_key))
    sealed = SealedBox(auditor).encrypt(json.dumps(content).encode())
    digest = hashlib.sha256(sealed).hexdigest()
    await connection.execute(
        "INSERT INTO auth.vault_evidence VALUES ($1, $2, $3, $4)", digest, town.uuid, voter_ref, sealed
    )
    producer = EventProducer(town.stack.kafka_settings, "auth", utc_now)
    await producer.publish(VoterAuthenticated(election_uuid=town.uuid, voter_ref=voter_ref, method="face"))
    record = await producer.publish(
        CredentialReleased(election_uuid=town.uuid, voter_ref=voter_ref, evidence_sha256=digest)
    )
    await producer.stop()
    return record.position
