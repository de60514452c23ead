"""A drill: parts of a platform are lost while people vote, and what the operator sees is printed (`make drill`).

Each scene ends as its runbook says that it is over, and the last one with evote-verify. It takes minutes, since alerts
wait before they wake anybody; so it is no part of ``make test``.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import pytest
from evote_local.nodes.prometheus import Prometheus
from evote_local.people.voters import Cast, PollingDay, Voter, open_client
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.referendum.verification import verify_as_auditor
from evote_local.stack.databases import DATABASE
from evote_local.stack.service import Service
from evote_local.stack.stack import Stack
from evote_local.testbed import eventually

from .test_faults import _drop_and_replay, _replay

pytestmark = [pytest.mark.stack, pytest.mark.slow]

RULES = sorted((Path(__file__).parents[2] / "deploy/monitoring/rules").glob("*.yml"))
_WITHIN_S = 300.0


@pytest.fixture
def prometheus(stack: Stack, tmp_path: Path) -> Iterator[Prometheus]:
    targets = [service.url.removeprefix("http://") for service in stack.services]
    token = stack.identities.staff.scraper_token
    with Prometheus(tmp_path / "prometheus", targets=targets, token=token, rules=RULES) as running:
        yield running


@dataclass(frozen=True)
class Scene:
    """What every scene works with."""

    stack: Stack
    prometheus: Prometheus
    referendum: Referendum
    polls: PollingDay
    client: httpx.AsyncClient
    directory: Path

    async def until_pages(self, *alerts: str) -> None:
        """Wait until the operator is called by all of these."""
        await self._until(lambda called: called >= set(alerts))

    async def until_over(self, *alerts: str) -> None:
        """Wait until none of these calls any more."""
        await self._until(lambda called: not called & set(alerts))

    async def cast(self, voter: Voter) -> Cast:
        """The voter casts anew, and has a receipt."""
        await self.polls.cast(voter, "はい", [[0, 1, 0]], self.client)
        return voter.casts[-1]

    async def verify(self) -> str:
        """What evote-verify says to the auditor, who saves what was read beside what was read before."""
        await self.referendum.officers.download_archive(
            self.directory / "archive.bel", auditor=self.stack.identities.staff.signing("tally")
        )
        receipt = self.referendum.voters[0].casts[-1].receipt
        verdict = await verify_as_auditor(self.stack, self.client, receipt, self.directory)
        assert verdict.accepted, verdict.output
        return verdict.output

    async def _until(self, holds: Callable[[set[str]], bool]) -> None:
        seen = await asyncio.to_thread(_called, self.prometheus)

        async def so() -> bool:
            called = await asyncio.to_thread(_called, self.prometheus)
            for alert in sorted(called - seen):
                print(f"    page: {alert}")
            for alert in sorted(seen - called):
                print(f"    over: {alert}")
            seen.clear()
            seen.update(called)
            return holds(called)

        await eventually(so, within_s=_WITHIN_S)


def _called(prometheus: Prometheus) -> set[str]:
    return {labels["alertname"] for labels, _ in prometheus.values('ALERTS{alertstate="firing",severity="page"}')}


async def _statusz(service: Service, client: httpx.AsyncClient) -> None:
    report = (await client.get(f"{service.url}/statusz")).json()
    failing = {name: check["detail"] for name, check in report["checks"].items() if not check["ok"]}
    print(f"    {service.name} /statusz: {failing or 'all is well'}")


async def kafka_is_lost_and_comes_back(scene: Scene) -> None:
    """docs/runbooks/incidents.md, "A broker is lost": the only one here."""
    await asyncio.to_thread(scene.stack.kafka.stop)
    await scene.until_pages("EvoteServiceUnready")
    await _statusz(scene.stack.ballots[0], scene.client)
    await asyncio.to_thread(scene.stack.kafka.start)
    await scene.until_over("EvoteServiceUnready")
    await scene.cast(scene.referendum.voters[0])


async def the_log_is_lost_and_comes_back(scene: Scene) -> None:
    """First ballots are accepted all the same, and logged when it is back; a second one waits for the log."""
    scene.stack.ledger_anchor.kill()
    await scene.until_pages("EvoteSequencersNotOne", "EvoteServiceAbsent")
    accepted = await scene.cast(scene.referendum.voters[1])
    print("    a voter has a receipt meanwhile")
    scene.stack.ledger_anchor.start()
    await asyncio.to_thread(scene.stack.ledger_anchor.wait_ready)
    await scene.until_over("EvoteSequencersNotOne", "EvoteServiceAbsent")
    await scene.polls.wait_until_anchored(accepted, scene.client)
    print("    that ballot is logged, witnessed and anchored")


async def kafkas_volume_is_restored_and_tables_are_made_again(scene: Scene) -> None:
    """docs/runbooks/incidents.md, "Restore"."""
    await scene.verify()
    stack, backup = scene.stack, scene.directory / "backup"
    for service in stack.services:
        service.stop()
    await asyncio.to_thread(stack.kafka.stop)
    shutil.copytree(stack.kafka.directory / "data", backup)
    shutil.rmtree(stack.kafka.directory / "data")
    print("    Kafka's volume is gone; a byte copy of it is put back")
    shutil.copytree(backup, stack.kafka.directory / "data")
    await asyncio.to_thread(stack.kafka.start)
    for service in stack.services:
        service.start()
    for service in stack.services:
        await asyncio.to_thread(service.wait_ready)
    print("    the schemas of ballot, ledger-anchor and tally are dropped and replayed")
    await _drop_and_replay(stack)
    last = await scene.cast(scene.referendum.voters[2])
    await scene.polls.wait_until_anchored(last, scene.client)
    print("    evote-verify, over what it read before the loss:")
    print("\n".join(f"      {line}" for line in (await scene.verify()).splitlines()))


async def auths_vault_is_restored_and_says_what_the_backup_has_not(scene: Scene) -> None:
    """docs/runbooks/incidents.md, "The database is lost", 2: what no replay brings back."""
    stack, backup = scene.stack, scene.directory / "auth.dump"
    await asyncio.to_thread(stack.postgres.dump_schema, DATABASE, "auth", backup)
    before = await _without_evidence(scene)
    await scene.polls.obtain_credential(scene.referendum.voters[1], scene.client)
    stack.auth.stop()
    await _on_database(stack, "DROP SCHEMA auth CASCADE")
    print("    auth's schema is gone, the vault with it; a backup from before the last release is put back")
    await asyncio.to_thread(stack.postgres.restore_schema, DATABASE, backup)
    await asyncio.to_thread(_replay, stack.auth)
    stack.auth.start()
    await asyncio.to_thread(stack.auth.wait_ready)
    lost = await _without_evidence(scene) - before
    print(f"    the auditor is shown {len(lost)} release without its evidence: the one behind the backup")
    assert len(lost) == 1
    await scene.polls.obtain_credential(scene.referendum.voters[0], scene.client)
    last = await scene.cast(scene.referendum.voters[0])
    await scene.polls.wait_until_anchored(last, scene.client)
    assert await _without_evidence(scene) == before | lost
    print("    a voter whom the vault knew comes in again and casts; evote-verify:")
    print("\n".join(f"      {line}" for line in (await scene.verify()).splitlines()))


async def _without_evidence(scene: Scene) -> set[tuple[int, int]]:
    """The releases (partition, offset) whose evidence isn't in the vault, as the auditor of record reads them."""
    stack, uuid = scene.stack, scene.referendum.officers.election_uuid
    url = f"{stack.auth.url}/elections/{uuid}/releases"
    answer = await scene.client.get(url, auth=stack.identities.staff.signing("auth"))
    told = [json.loads(line) for line in answer.text.splitlines()]
    return {(one["partition"], one["offset"]) for one in told if "sealed" in one and one["sealed"] is None}


async def _on_database(stack: Stack, statement: str) -> None:
    connection = await asyncpg.connect(stack.database_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


SCENES: tuple[Callable[[Scene], Awaitable[None]], ...] = (
    kafka_is_lost_and_comes_back,
    the_log_is_lost_and_comes_back,
    kafkas_volume_is_restored_and_tables_are_made_again,
    auths_vault_is_restored_and_says_what_the_backup_has_not,
)


def test_each_loss_is_seen_by_the_operator_and_over_as_its_runbook_says(
    stack: Stack, prometheus: Prometheus, tmp_path: Path
) -> None:
    asyncio.run(_drill(stack, prometheus, tmp_path))


async def _drill(stack: Stack, prometheus: Prometheus, directory: Path) -> None:
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=3, seed=39)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        with device_pool() as executor:
            polls = await referendum.open_polls(executor)
            scene = Scene(stack, prometheus, referendum, polls, client, directory)
            for voter in referendum.voters:
                await polls.obtain_credential(voter, client)
            await scene.cast(referendum.voters[0])
            for play in SCENES:
                print(f"\n  {play.__name__.replace('_', ' ')}")
                await play(scene)
        await referendum.close_and_count()
