"""Scenes of the drill in which a part of the platform is lost: docs/runbooks/incidents.md says what is done then."""

from __future__ import annotations

import asyncio
import json
import shutil

import asyncpg
import psutil
from evote_local.nodes.processes import ProcessFailed
from evote_local.people.occasions import DeviceOccasion
from evote_local.stack.databases import DATABASE
from evote_local.stack.stack import Stack
from evote_local.testbed import patiently

from .scene import Scene, log_lines, refusal
from .test_faults import _drop_and_replay, _replay


async def kafka_is_lost_and_comes_back(scene: Scene) -> None:
    """docs/runbooks/incidents.md, "A broker is lost": the only one here."""
    await asyncio.to_thread(scene.stack.kafka.stop)
    await scene.until_called("EvoteServiceUnready")
    await scene.statusz(scene.stack.ballots[0])
    await asyncio.to_thread(scene.stack.kafka.start)
    await scene.until_over("EvoteServiceUnready")
    await scene.cast(scene.referendum.voters[0])


async def the_log_is_lost_and_comes_back(scene: Scene) -> None:
    """First ballots are accepted all the same, and logged when it is back; a second one waits for the log."""
    scene.stack.ledger_anchor.kill()
    await scene.until_called("EvoteSequencersNotOne", "EvoteServiceAbsent")
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


async def the_database_is_lost_and_comes_back(scene: Scene) -> None:
    """docs/runbooks/incidents.md, "The database is lost", 1: its server is killed, and starts on its volume."""
    stack, voter = scene.stack, scene.referendum.voters[0]
    await scene.cast(voter)
    stack.postgres.kill()
    await scene.until_called("EvoteServiceUnready", "EvoteSequencersNotOne")
    for service in (stack.auth, stack.ballots[0], stack.ledger_anchor, stack.tally):
        await scene.statusz(service)
    asked = {"device_key": DeviceOccasion(scene.uuid).device_key}
    answer = await scene.client.post(f"{stack.auth.url}/elections/{scene.uuid}/challenges", json=asked)
    print(f"    whoever comes is told: {refusal(answer)}")
    try:
        await asyncio.to_thread(stack.migrate, stack.auth)
    except ProcessFailed as failed:
        (said,) = failed.log_tail.splitlines()
        print(f"    $ evote-auth migrate\n      {said}")
    else:
        raise AssertionError("evote-auth migrate found a database")
    refused = scene.polls.measured.unavailable
    casting = asyncio.create_task(scene.cast(voter))

    async def turned_away() -> bool:
        return scene.polls.measured.unavailable > refused

    await patiently(turned_away)
    print("    a voter who casts is told to come again, and the page does")
    await asyncio.to_thread(stack.postgres.start)
    accepted = await casting
    print("    the server is back: that voter has a receipt")
    await asyncio.to_thread(stack.migrate, stack.auth)
    for service in stack.services:
        await asyncio.to_thread(service.wait_well)
        await scene.statusz(service)
    await scene.until_over("EvoteServiceUnready", "EvoteSequencersNotOne")
    await scene.polls.obtain_credential(scene.referendum.voters[1], scene.client)
    print("    a voter comes in by card")
    await scene.polls.wait_until_anchored(accepted, scene.client)
    await scene.nothing_is_lost()


async def chain_and_witnesses_are_lost_and_come_back(scene: Scene) -> None:
    """docs/runbooks/incidents.md, "The chain is down": nothing waits for it, and one anchor covers all of it."""
    stack, voter = scene.stack, scene.referendum.voters[0]
    await scene.polls.wait_until_anchored(await scene.cast(voter), scene.client)
    await _coverage(scene)
    # Not killed: a development chain that is loses blocks, which is another trouble.
    await asyncio.to_thread(stack.chain.node.stop)
    told = len(log_lines(stack.ledger_anchor, "chain-trouble"))
    witnessed = await scene.cast(voter)
    await scene.polls.wait_until_witnessed(witnessed, scene.client)
    print("    a ballot is logged and witnessed meanwhile")
    await scene.until_called("EvoteAnchoringAway", "EvoteChainUnread")
    line = log_lines(stack.ledger_anchor, "chain-trouble")[told]
    print(f"    ledger-anchor's log: {line['event']} {line['chain']}: {line['trouble']}")
    await scene.until_shown("max by (chain) (evote_anchor_lag_entries) > 0")
    size, *_ = await _coverage(scene)

    for witness in stack.vouching.witnesses[1:]:
        witness.kill()
    print("    two of three witnesses go away, too")
    logged = await scene.cast(voter)
    await scene.polls.wait_until_logged(logged, scene.client)
    print("    a ballot is logged meanwhile")
    await scene.until_shown("max(evote_witness_lag_entries) > 0")
    await asyncio.to_thread(stack.chain.node.start)
    await scene.until_over("EvoteAnchoringAway")

    async def anchored_up_to(entries: int) -> bool:
        return (await _read_coverage(scene))[2] >= entries

    await patiently(lambda: anchored_up_to(size))
    _, seen, held = await _coverage(scene)
    assert held <= seen < (await _read_coverage(scene))[0], "only what witnesses have seen is anchored"
    print("    the chain is back: it holds what the witnesses had seen, and no more")
    for witness in stack.vouching.witnesses[1:]:
        await asyncio.to_thread(witness.start)
    await scene.polls.wait_until_anchored(logged, scene.client)
    await patiently(lambda: anchored_up_to(size + 1))
    await _coverage(scene)
    await scene.until_over("EvoteAnchoringAway", "EvoteChainUnread")
    await scene.nothing_is_lost()


async def _read_coverage(scene: Scene) -> tuple[int, int, int]:
    told = (await scene.client.get(f"{scene.stack.ledger_anchor.url}/coverage")).json()
    return told["size"], told["witnessed_size"], told["chains"][0]["verified_size"]


async def _coverage(scene: Scene) -> tuple[int, int, int]:
    size, witnessed, anchored = await _read_coverage(scene)
    print(f"    /coverage: {size} entries, {witnessed} of them witnessed, {anchored} on the chain")
    return size, witnessed, anchored


async def the_face_service_reads_no_faces(scene: Scene) -> None:
    """docs/runbooks/incidents.md, "The face service is down": a worker is lost, then none can start."""
    biometric = scene.stack.biometric
    lost = "sum(evote_face_workers_lost_total)"
    before = (await scene.figures(lost)).get("", 0)
    _kill_a_worker(scene)

    async def replaced() -> bool:
        workers = await asyncio.to_thread(scene.prometheus.values, "min(evote_face_workers)")
        counted = await asyncio.to_thread(scene.prometheus.values, lost)
        return [value for _, value in workers] > [0] and [value for _, value in counted] > [before]

    await patiently(replaced)
    await scene.figures(lost)
    print("    a worker was killed, and is replaced by itself")
    weights = scene.stack.weights
    assert weights is not None
    away = weights.with_name("away")
    weights.rename(away)
    _kill_a_worker(scene)
    print("    a worker was killed, and none can start")
    await scene.until_called("EvoteFaceWorkersAway")
    await scene.figures("min(evote_face_workers)")
    await scene.statusz(biometric)
    await scene.polls.obtain_credential(scene.referendum.voters[0], scene.client)
    await scene.cast(scene.referendum.voters[0])
    print("    a voter comes in by card and votes")
    away.rename(weights)
    await scene.until_over("EvoteFaceWorkersAway")
    await scene.figures("min(evote_face_workers)")
    await asyncio.to_thread(biometric.wait_well)
    await scene.nothing_is_lost()


def _kill_a_worker(scene: Scene) -> None:
    process = scene.stack.biometric.process
    assert process is not None
    (worker, *_) = (
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "evote_biometric.inference" in child.cmdline()
    )
    worker.kill()
