"""A referendum whose every command breaks at first: its event lost, or landed but reported as failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from evote_belenios.archive import open_archive
from evote_belenios.verify import verify_archive
from evote_local.faults import WRITES, BrokenWrite, Fault, breaking

pytestmark = [pytest.mark.stack, pytest.mark.slow]

NO, YES = [0, 0, 1], [0, 1, 0]
COMMANDS = {writes for use_case, writes in WRITES.items() if use_case.startswith("tally ")}


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
        with breaking(BrokenWrite(0, "the command's event", self.fault)) as seen:
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
async def test_a_referendum_is_certified_though_each_of_its_commands_broke_once(officer, stand_ins, fault) -> None:
    officer.client = client = UnluckyClient(officer.client, fault)
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

    assert (await officer.post("/certify")).json()["state"] == "certified"

    assert (await officer.get("/result")).json()["result"] == [[0, 1, 1]]
    with open_archive(await officer.download()) as archive:
        assert not verify_archive(archive, processes=1, progress=lambda done, total: None).failures
    assert {(name,) for name in client.broken} == COMMANDS, "the table's commands, and no others"
    assert Counter(client.broken)["CertificateReceived"] == 3
