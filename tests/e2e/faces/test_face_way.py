"""Voting by face through both real services, with the real models. Before the camera sits the puppet, a simulation."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from evote_local.nodes.photographs import fetch_photographs
from evote_local.people.occasions import DeviceOccasion
from evote_local.people.puppet import Gesture, Puppet, encode
from evote_local.people.voters import open_client
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.stack.service import Service
from evote_local.stack.stack import Stack
from evote_local.testbed import patiently

from ..evote_command import Done, run_evote, run_evote_together
from .puppets import puppet_of

pytestmark = [pytest.mark.stack, pytest.mark.slow]

ACT = ("--reason", "窓口で本人確認")
FRAME_EVERY_MS = 400


GESTURES = {
    "turn-left": [Gesture(yaw_deg=24)],
    "turn-right": [Gesture(yaw_deg=-24)],
    "look-up": [Gesture(pitch_deg=20)],
    # For a second, as residents are asked to, so in two frames: noise may cost one of them.
    "blink": [Gesture(eyes_closed=0.9)] * 2,
}


def test_a_resident_enrols_at_the_counter_and_votes_from_home_with_a_letter_and_their_face(
    stack: Stack, weights: Path, tmp_path: Path
) -> None:
    asyncio.run(_election(stack, stack.biometric, weights, tmp_path))


async def _election(stack: Stack, biometric: Service, weights: Path, directory: Path) -> None:
    photographs = fetch_photographs()
    async with open_client(timeout_s=60) as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=2, seed=5)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        uuid = referendum.officers.election_uuid
        await _enrol_at_the_counter(stack, biometric, client, uuid, photographs / "obama/1.jpg", directory)
        code = await _letter(stack, uuid, directory)
        resident, stranger = (puppet_of(photographs / name, weights) for name in ("obama/1.jpg", "biden/1.jpg"))

        _, answer = await _verify(stack, biometric, client, DeviceOccasion(uuid), code, stranger)
        assert answer.status_code in (403, 422) and "verdict" not in answer.json(), answer.text
        assert answer.json()["other_ways"] == ["phone", "card", "counter"]

        occasion = DeviceOccasion(uuid)
        order_id, answer = await _verify(stack, biometric, client, occasion, code, resident)
        assert answer.status_code == 200, answer.text
        request = occasion.face_request(order_id, answer.json()["verdict"])
        released = await client.post(f"{stack.auth.url}/elections/{uuid}/face-releases", json=request)
        assert released.status_code == 200, released.text

        voter = referendum.voters[0]
        with device_pool() as executor:
            polls = await referendum.open_polls(executor)
            assert await polls.obtain_credential(voter, client) == occasion.credential(released.json(), order_id)
            cast = await polls.cast(voter, "はい", [[0, 1, 0]], client)
            await polls.wait_until_logged(cast, client)
        await referendum.officers.download_archive(
            directory / "final.bel", auditor=stack.identities.staff.signing("tally")
        )
        audit = Done(-1, "", "")

        async def both_are_known() -> bool:
            nonlocal audit
            audit = await _audit(stack, uuid, directory)
            return "交付: 2 件（カード 1 件、顔 1 件）" in audit.stdout

        await patiently(both_are_known)  # auth projects releases soon
        assert audit.returncode == 0, audit.stderr


async def _enrol_at_the_counter(
    stack: Stack, biometric: Service, client: httpx.AsyncClient, uuid: str, photo: Path, directory: Path
) -> None:
    order = directory / "order.json"
    enrol = ("face", "enrol", uuid, "--voter-id", "000001", "--out", str(order), *ACT)
    _done(await run_evote_together(stack, "tanaka", "ito", order.with_suffix(".command"), *enrol))
    response = await client.post(
        f"{biometric.url}/enrolments",
        data={"order": await asyncio.to_thread(order.read_text)},
        files={"photo": ("photo.jpg", await asyncio.to_thread(photo.read_bytes), "image/jpeg")},
    )
    assert response.status_code == 201, response.text


async def _letter(stack: Stack, uuid: str, directory: Path) -> str:
    out = directory / "codes.csv"
    codes = ("face", "codes", uuid, "--out", str(out), "--yes", *ACT)
    _done(await run_evote_together(stack, "sato", "suzuki", out.with_suffix(".command"), *codes))
    return dict(line.split(",") for line in (await asyncio.to_thread(out.read_text)).split())["000001"]


async def _verify(
    stack: Stack, biometric: Service, client: httpx.AsyncClient, occasion: DeviceOccasion, code: str, puppet: Puppet
) -> tuple[str, httpx.Response]:
    """The page's part: code to auth, order to biometric, frames of what biometric asks for. The order's number.

    While biometric says that nobody could look at the frames now, as on a busy machine, it is asked again.
    """
    while True:
        order_id, answer = await _verify_once(stack, biometric, client, occasion, code, puppet)
        if answer.status_code != 503:
            return order_id, answer


async def _verify_once(
    stack: Stack, biometric: Service, client: httpx.AsyncClient, occasion: DeviceOccasion, code: str, puppet: Puppet
) -> tuple[str, httpx.Response]:
    asked = occasion.order_request(code, stack.identities.voting_code_key)
    ordered = await client.post(f"{stack.auth.url}/elections/{occasion.election_uuid}/face-orders", json=asked)
    assert ordered.status_code == 201, ordered.text
    order = ordered.json()["order"]
    occasion.check_order(order)
    response = await client.post(f"{biometric.url}/verifications", json={"order": order})
    assert response.status_code == 201, response.text
    begun = response.json()
    frames = await asyncio.to_thread(_film, puppet, begun["actions"])
    await asyncio.sleep(len(frames) * FRAME_EVERY_MS / 1000)
    return str(json.loads(order)["order_id"]), await client.post(
        f"{biometric.url}/verifications/{begun['verification_id']}/frames",
        data={
            "nonce": begun["nonce"],
            "timestamps": ",".join(str(number * FRAME_EVERY_MS) for number in range(len(frames))),
        },
        files=[("frames", (f"{number}.jpg", frame, "image/jpeg")) for number, frame in enumerate(frames)],
    )


def _film(puppet: Puppet, actions: Sequence[str]) -> list[bytes]:
    rest = Gesture()
    gestures = [rest, rest]
    for action in actions:
        gestures += [*GESTURES[action], rest]
    return [encode(_grain(puppet.frame(gesture))) for gesture in gestures]


def _grain(pixels: Any) -> Any:
    """A camera's noise: no two frames are the same bytes."""
    noise = np.frombuffer(secrets.token_bytes(pixels.size), np.uint8).reshape(pixels.shape) % 3
    return np.clip(pixels.astype(np.int16) + noise.astype(np.int16) - 1, 0, 255).astype(np.uint8)


async def _audit(stack: Stack, uuid: str, directory: Path) -> Done:
    releases = directory / "releases.ndjson"
    await _evote(stack, "audit", "fetch", uuid, "--out", str(releases))
    files = ["--releases", str(releases), "--archive", str(directory / "final.bel")]
    files += ["--ca-bundle", str(stack.directory / "keys" / "test-ca.pem")]
    files += ["--biometric-key", str(stack.identities.face_verdict_public_key_file)]
    return await run_evote(stack, "audit", "releases", "--key-file", str(stack.identities.auditor_key_file), *files)


async def _evote(stack: Stack, *arguments: str) -> Done:
    return _done(await run_evote(stack, *arguments))


def _done(ended: Done) -> Done:
    assert ended.returncode == 0, ended.stderr
    return ended
