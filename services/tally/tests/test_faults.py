"""A referendum whose every command breaks at first: its event lost, or landed but reported as failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from evote_belenios.archive import open_archive
from evote_belenios.verify import verify_archive
from evote_eventlog.kafka import KafkaSettings
from evote_local.faults import WRITES, BrokenWrite, Fault, breaking, every_fault
from evote_local.testbed import MovableClock

from .conftest import Officer, running_tally

pytestmark = [pytest.mark.stack, pytest.mark.slow]

NO, YES = [0, 0, 1], [0, 1, 0]
BY_ITSELF = "tally counts by itself"
COMMANDS = {writes for use_case, writes in WRITES.items() if use_case.startswith("tally ") and use_case != BY_ITSELF}


@dataclass
class UnluckyClient:
    """An officer's or trustee's client: whatever it commands breaks at its first write, and is sent again."""

    client: httpx.AsyncClient
    fault: Fault
    broken: list[str] = field(default_factory=list)

    async def get(self, *arguments: Any, **options: Any) -> httpx.Response:
        return await self.client.get(*arguments, **options)

    async def post(self, *arguments: Any, **options: Any) -> httpx.Response:
        return await self._command(lambda: self.client.post(*arguments, **options))

    async def put(self, *arguments: Any, **options: Any) -> httpx.Response:
        return await self._command(lambda: self.client.put(*arguments, **options))

    async def _command(self, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        with breaking(*(BrokenWrite(name, 0, self.fault) for (name,) in COMMANDS)) as seen:
            response = await send()
        if not seen.names:  # refused by the rules, and nothing was written
            return response
        assert response.status_code == 503 and response.headers["retry-after"]
        self.broken += seen.names
        with breaking() as again:
            response = await send()
        # A landed event may not be projected yet: then the command writes it again, and the first one stands.
        assert tuple(again.names) in COMMANDS | {()}
        return response


@pytest.mark.parametrize("fault", Fault)
async def test_a_referendum_is_certified_though_each_of_its_writes_broke_once(
    kafka: KafkaSettings, database_url: str, tmp_path: Path, stand_ins, fault: Fault
) -> None:
    clock = MovableClock()
    with breaking(*(broken for broken in every_fault(BY_ITSELF) if broken.fault is fault)) as counting:
        async with running_tally(kafka, database_url, tmp_path, clock=clock) as client:
            unlucky = UnluckyClient(client, fault)
            await _hold(Officer(unlucky, tmp_path, clock), stand_ins)
    assert {(name,) for name in unlucky.broken} == COMMANDS, "the table's commands, and no others"
    assert Counter(unlucky.broken)["CertificateReceived"] == 3
    assert tuple(broken.name for broken in counting.reached) == WRITES[BY_ITSELF]


async def _hold(officer: Officer, stand_ins) -> None:
    assert (await officer.draft()).status_code == 201
    election_json = await officer.open_with(stand_ins, 2, "Ed25519")
    first, second = stand_ins.auth.private
    ballots = [await stand_ins.ballot.cast(election_json, voter, vote) for voter, vote in ((first, NO), (second, YES))]
    await stand_ins.ledger.log(*ballots)
    assert (await officer.post("/close")).json()["state"] == "closed"
    await stand_ins.ledger.log(*await stand_ins.ballot.close_box(officer.uuid))
    await officer.until("tallied")
    for trustee in (1, 3):
        assert (await officer.submit(await officer.decrypt(trustee))).status_code == 200
    await officer.until("decrypted")

    assert (await officer.certify()).json()["state"] == "certified"

    assert (await officer.get("/result")).json()["result"] == [[0, 1, 1]]
    with open_archive(await officer.download()) as archive:
        assert not verify_archive(archive, processes=1, progress=lambda done, total: None).failures
