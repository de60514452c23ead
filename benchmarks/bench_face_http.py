"""How long a resident waits for a face verification over HTTP, what the service reaches, and what it costs.

``make bench-face-http [VERIFICATIONS=20]`` starts the stack with biometric, at one and at two workers. A burst has
8 to 12 frames of a moving puppet (a simulation from one photograph); time is from sending it to the signed verdict.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import secrets
import time
from datetime import timedelta
from pathlib import Path

import cv2
import httpx
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from evote_biometric.domain.actions import Action
from evote_biometric.engine.decoding import Limits, decode
from evote_biometric.engine.finding import FaceFinder
from evote_biometric.engine.picture import Pixels
from evote_face.statements import FaceOrder, FacePurpose
from evote_jpki.authority import TestAuthority
from evote_local.nodes.photographs import fetch_photographs
from evote_local.people.latencies import percentiles
from evote_local.people.occasions import DeviceOccasion
from evote_local.people.puppet import Gesture, Puppet, encode
from evote_local.referendum.taken import taken_by
from evote_local.stack.service import Service
from evote_local.stack.stack import Stack, temporary_directory
from evote_platform.clock import utc_now
from evote_statements.signed import sign_statement

from benchmarks.performance import Cell, Row
from benchmarks.tables import PERCENTILES, Table, percentile_cells, tell

WEIGHTS = Path(".cache/weights")
GESTURES = {
    Action.TURN_LEFT: [Gesture(yaw_deg=24)],
    Action.TURN_RIGHT: [Gesture(yaw_deg=-24)],
    Action.LOOK_UP: [Gesture(pitch_deg=20)],
    # For a second, as residents are asked to, so in two frames: noise may cost one of them.
    Action.BLINK: [Gesture(eyes_closed=0.9)] * 2,
}


class Resident:
    """One simulated resident with orders from the stack's own key."""

    def __init__(self, stack: Stack) -> None:
        key = load_pem_private_key(stack.identities.face_order_key_file.read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        self._key = key
        picture = decode((fetch_photographs() / "obama/1.jpg").read_bytes(), Limits(longest_side_kept=800))
        finder = FaceFinder(WEIGHTS)
        puppet = Puppet(picture.pixels, finder.points(picture.pixels, finder.find(picture.pixels)[0]))
        self._rest = puppet.frame(Gesture())
        self._poses = {action: [puppet.frame(one) for one in gestures] for action, gestures in GESTURES.items()}

    async def enrol(self, client: httpx.AsyncClient) -> None:
        """As another voter each time: the puppet moves so much alike that its second burst is a copy of its first."""
        self._voter_ref = secrets.token_hex(16)
        response = await client.post(
            "/enrolments",
            data={"order": self._order(FacePurpose.ENROL)},
            files={"photo": ("p.jpg", encode(self._rest), "image/jpeg")},
        )
        response.raise_for_status()

    async def verify(self, client: httpx.AsyncClient) -> float:
        """Seconds from sending one burst to its verdict."""
        await self.enrol(client)
        begun = (await client.post("/verifications", json={"order": self._order(FacePurpose.VERIFY)})).json()
        pictures = [self._rest, self._rest]
        for name in begun["actions"]:
            pictures += [*self._poses[Action(name)], self._rest]
        frames = await asyncio.to_thread(lambda: [encode(_grain(picture)) for picture in pictures])
        await asyncio.sleep(2)  # the burst claims to have taken about that long
        began = time.perf_counter()
        response = await client.post(
            f"/verifications/{begun['verification_id']}/frames",
            data={"nonce": begun["nonce"], "timestamps": ",".join(str(n * 250) for n in range(len(frames)))},
            files=[("frames", (f"{n}.jpg", frame, "image/jpeg")) for n, frame in enumerate(frames)],
        )
        took = time.perf_counter() - began
        response.raise_for_status()  # a refusal is quicker than a verdict and would flatter the figures
        return took

    def _order(self, purpose: FacePurpose) -> str:
        now = utc_now()
        order = FaceOrder(
            election_uuid="1" * 14,
            voter_ref=self._voter_ref,
            order_id=secrets.token_hex(16),
            purpose=purpose,
            issued_at=now,
            expires_at=now + timedelta(minutes=5),
            device_key=DeviceOccasion("1" * 14).device_key if purpose is FacePurpose.VERIFY else None,
        )
        return sign_statement(order, self._key)


def _grain(pixels: Pixels) -> Pixels:
    noise = np.frombuffer(secrets.token_bytes(pixels.size), np.uint8).reshape(pixels.shape) % 3
    return np.asarray(cv2.add(pixels, noise.astype(np.uint8)), np.uint8)


async def _measure(stack: Stack, service: Service, workers: int, verifications: int) -> list[Row]:
    began = time.perf_counter()
    service.start()
    service.wait_ready(120)
    start_s = time.perf_counter() - began
    async with httpx.AsyncClient(base_url=service.url, timeout=120) as client:
        residents = [Resident(stack) for _ in range(workers)]
        alone = [await residents[0].verify(client) for _ in range(verifications)]
        together: list[float] = []
        for _ in range(verifications // 2):
            together += await asyncio.gather(*(resident.verify(client) for resident in residents))
    began_with: list[Cell] = [str(workers), start_s, _memory_mb(service)]
    service.stop()
    return [
        [*began_with, "one after the other", *percentile_cells(percentiles(alone))],
        [*began_with, f"{workers} at a time", *percentile_cells(percentiles(together))],
    ]


def _memory_mb(service: Service) -> int:
    """Resident memory of the service's session: its workers and decoders belong to it."""
    assert service.process is not None
    total = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == service.process.pid:
            total += int(fields[21]) * 4096
    return total // 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--verifications", type=int, default=20)
    verifications: int = parser.parse_args().verifications
    taken, rows = taken_by(f"make bench-face-http VERIFICATIONS={verifications}"), list[Row]()
    with temporary_directory() as name:
        authority = TestAuthority(utc_now, secrets.token_bytes)
        with Stack(Path(name), authority, announce=lambda _: None, weights=WEIGHTS) as stack:
            stack.biometric.stop()
            for workers in (1, 2):
                environment = {**stack.biometric.environment, "EVOTE_WORKERS": str(workers)}
                service = dataclasses.replace(stack.biometric, environment=environment)
                rows += asyncio.run(_measure(stack, service, workers, verifications))
    what = (
        "A burst of 8 to 12 frames (640 × 800 pixels), from sending it to the signed verdict, beside the whole stack."
    )
    tell(
        "face-http",
        taken,
        what,
        Table(["workers", "start to ready s", "MB with all processes", "", *PERCENTILES], rows),
    )


if __name__ == "__main__":
    main()
