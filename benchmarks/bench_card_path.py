"""How long a resident with a reader waits from "the card is there" to the released credential, and where it goes.

``make bench-card [RELEASES=40]`` starts the whole stack, one virtual reader and one card agent; one voter after the
other puts a card in, and a simulated resident types as fast as the terminal asks. The parts are told apart from
outside: by what the chip was sent and when, what the screen showed and when, and what the page saw.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from evote_jpki.authority import TestAuthority
from evote_jpki.emulator import EmulatedCard
from evote_jpki.vpcd import InsertedCard
from evote_local.nodes.pcsc import PcscDaemon
from evote_local.nodes.ports import LOOPBACK
from evote_local.people.latencies import percentiles
from evote_local.people.occasions import DeviceOccasion
from evote_local.people.voters import SIGNATURE_PASSWORD, USER_PIN, Voter, open_client
from evote_local.referendum.referendum import Referendum
from evote_local.referendum.taken import taken_by
from evote_local.stack.card_desk import CardDesk
from evote_local.stack.stack import Stack, temporary_directory
from evote_platform.clock import utc_now
from tqdm import tqdm

from benchmarks.tables import PERCENTILES, Table, percentile_cells, tell

_CHANGE_S = 0.6  # pcscd looks every 0.4 s whether there is a card
_KINDS = {0xA4: "selections", 0xB0: "certificate reads", 0x20: "PIN checks and counters", 0x2A: "first signature"}
TOTAL, NOTICED = "card present to credential", "card put in to card present"

Parts = dict[str, list[float]]


class TimedChip:
    """A card that notes when it was sent what."""

    def __init__(self, card: EmulatedCard) -> None:
        self._card = card
        self.commands: list[tuple[float, int]] = []

    def transmit(self, raw: bytes) -> bytes:
        self.commands.append((time.perf_counter(), raw[1]))
        return self._card.transmit(raw)

    def reset(self) -> None:
        self._card.reset()


class Lap:
    """Adds the time since the last lap to a part."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._now: dict[str, float] = defaultdict(float)
        self.at = time.perf_counter()

    def add(self, part: str, until: float) -> None:
        self._now[part] += until - self.at
        self.at = until

    def close(self) -> None:
        for part, seconds in self._now.items():
            self._parts[part].append(seconds)


async def release(voter: Voter, desk: CardDesk, slot: int, auth: str, page: httpx.AsyncClient, parts: Parts) -> None:
    """One voter's release, its time added to ``parts``."""
    chip, put_in = TimedChip(voter.card), time.perf_counter()
    with InsertedCard(chip, LOOPBACK, slot):
        while (await desk.status(page))["state"] != "ready":  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.01)
        present = time.perf_counter()
        parts[NOTICED].append(present - put_in)
        lap = Lap(parts)
        occasion = DeviceOccasion(auth.rsplit("/", 1)[-1])
        key = {"device_key": occasion.device_key}
        challenge = (await page.post(f"{auth}/challenges", json=key)).raise_for_status().json()
        occasion.check_challenge(challenge)
        lap.add("auth: challenge", time.perf_counter())
        chip.commands.clear()
        request = asyncio.create_task(desk.request_signatures(page, challenge))
        asked, typed = await asyncio.to_thread(_consent, desk)
        answer = (await request).raise_for_status().json()
        answered = time.perf_counter()
        add_card_work(lap, chip.commands, asked, typed, answered)
        released = await page.post(f"{auth}/releases", json=occasion.card_request(answer))
        occasion.credential(released.raise_for_status().json(), challenge["challenge_id"])
        lap.add("auth: release", time.perf_counter())
    parts[TOTAL].append(lap.at - present)
    lap.close()
    await asyncio.sleep(_CHANGE_S)


def _consent(desk: CardDesk) -> tuple[float, float]:
    """When the question stood on the screen, and when the last key had been pressed."""
    desk.wait_for("署名の確認")
    asked = time.perf_counter()
    desk.consent(USER_PIN, SIGNATURE_PASSWORD)
    return asked, time.perf_counter()


def add_card_work(lap: Lap, commands: list[tuple[float, int]], asked: float, typed: float, answered: float) -> None:
    """A command's time lasts until the next one: chip, reader, PC/SC and the agent's own steps between them."""
    meeting = [command for command in commands if command[0] < asked]
    signing = [command for command in commands if command[0] >= asked]
    lap.add("agent: connection to the card, twice", meeting[0][0])
    for (_, kind), (following, _) in zip(meeting, [*meeting[1:], (meeting[-1][0], 0)], strict=True):
        lap.add(f"card: {_KINDS[kind]}", following)
    lap.add("agent: opening the question", asked)
    lap.add("resident: typing (simulated)", typed)
    lap.add("agent: connection to the card, twice", signing[0][0])
    for (_, kind), (following, _) in zip(signing, [*signing[1:], (signing[-1][0], 0)], strict=True):
        lap.add(f"card: {_KINDS[kind]}", following)
    lap.add("card: second signature, reset; agent: answer", answered)


async def measure(stack: Stack, directory: Path, releases: int) -> Parts:
    """``releases`` voters, one after the other."""
    parts: Parts = defaultdict(list)
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=releases, seed=1)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        uuid = referendum.officers.election_uuid
        with running_desk(directory, uuid) as (desk, slot):
            for voter in tqdm(referendum.voters, desc="releases", unit="card"):
                await release(voter, desk, slot, f"{stack.auth.url}/elections/{uuid}", client, parts)
    return parts


@contextmanager
def running_desk(directory: Path, uuid: str) -> Iterator[tuple[CardDesk, int]]:
    with PcscDaemon(directory / "pcsc", readers=1) as daemon, CardDesk([uuid], pcsc=daemon.environment) as desk:
        yield desk, daemon.slots[0]


def table(parts: Parts) -> Table:
    """Percentiles of each part, in the order in which they happen."""
    rest = [part for part in parts if part not in (NOTICED, TOTAL)]
    rows = [[part, *percentile_cells(percentiles(parts[part]))] for part in (NOTICED, *rest, TOTAL)]
    return Table(["", *PERCENTILES], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--releases", type=int, default=40)
    arguments = parser.parse_args()
    taken = taken_by(f"make bench-card RELEASES={arguments.releases}")
    with temporary_directory() as name:
        directory = Path(name)
        with Stack(directory, TestAuthority(utc_now, secrets.token_bytes), announce=print) as stack:
            parts = asyncio.run(measure(stack, directory, arguments.releases))
    tell(
        "card",
        taken,
        "One resident after the other at a virtual reader, through pcscd and the card agent, with the whole stack on "
        "the same cores. The chip is emulated, and its reader has no radio: a card's own time comes on top.",
        table(parts),
    )


if __name__ == "__main__":
    main()
