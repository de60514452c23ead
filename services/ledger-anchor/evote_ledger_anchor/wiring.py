"""What runs beside the HTTP API of a replica, and how it is put together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from evote_eventlog.consumer import ProjectionRunner
from evote_eventlog.metrics import ProjectionMetrics
from evote_eventlog.producer import EventProducer
from evote_eventlog.transactional import TransactionalProducer
from evote_platform.background import background_tasks
from evote_platform.clock import utc_now
from evote_platform.database import database_check, migrate, open_pool
from evote_platform.health import Readiness
from evote_tlog.checkpoint import SigningKey
from evote_tlog.policy import Policy
from prometheus_client import CollectorRegistry

from .anchoring import Anchoring
from .api.log import AnchorContract, LedgerState
from .chain_settings import ChainSettings
from .chains import OpenChain, open_chains
from .metrics import AnchoringMetrics, MonitorMetrics, SequencerMetrics, WitnessMetrics
from .monitor.chains import WatchedContract
from .monitor.task import Monitor
from .projection import LedgerProjection
from .sequencer import TRANSACTIONAL_ID, Sequencer
from .settings import LedgerSettings
from .store import Connection, StoredCheckpoint, newest_counted
from .witnessing import Witnessing

SERVICE = "ledger-anchor"
SCHEMA = "ledger"
MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True)
class _Means:
    """What the parts are made of."""

    settings: LedgerSettings
    key: SigningKey
    policy: Policy | None
    pool: asyncpg.Pool
    producer: EventProducer
    chains: Sequence[OpenChain]
    registry: CollectorRegistry


@asynccontextmanager
async def running(
    settings: LedgerSettings, chain_settings: ChainSettings, readiness: Readiness, registry: CollectorRegistry
) -> AsyncIterator[LedgerState]:
    """Everything runs while the block does. Chains and witnesses may be down at any time: it is ready without them."""
    key = settings.signing_key()
    policy = settings.witness_policy(key.verifier)
    await asyncio.to_thread(migrate, settings.database_url, SCHEMA, MIGRATIONS)
    async with (
        await open_pool(settings.database_url, SCHEMA, max_size=settings.database_pool_size) as pool,
        open_chains(chain_settings) as chains,
    ):
        producer = EventProducer(settings.kafka(), SERVICE, utc_now)
        means = _Means(settings, key, policy, pool, producer, chains, registry)
        runner = ProjectionRunner(
            settings.kafka(), pool, LedgerProjection(key.verifier), producer, ProjectionMetrics(registry)
        )
        sequencer, monitor = _sequencer(means), _monitor(means)
        readiness.register("database", database_check(pool))
        readiness.register("kafka", producer.check)
        readiness.register("projection", runner.caught_up)
        readiness.register("sequencer", sequencer.check)
        await producer.start()
        try:
            async with background_tasks(readiness) as tasks:
                tasks.start("projection", monitor.reporting_truncation(runner.run()))
                tasks.start("sequencer", sequencer.run())
                tasks.start("monitor", monitor.run())
                if policy is not None:
                    tasks.start("witnessing", _witnessing(means, policy).run())
                for anchoring in _anchorings(means):
                    tasks.start("anchoring", anchoring.run())
                contracts = tuple(AnchorContract(chain.writer.chain, chain.writer.anchor_contract) for chain in chains)
                yield LedgerState(pool, key.verifier, contracts)
        finally:
            await producer.stop()


def _sequencer(means: _Means) -> Sequencer:
    kafka = means.settings.kafka()
    return Sequencer(
        kafka=kafka,
        database_url=means.settings.database_url,
        pool=means.pool,
        writer=TransactionalProducer(kafka, SERVICE, utc_now, TRANSACTIONAL_ID),
        key=means.key,
        clock=utc_now,
        metrics=SequencerMetrics(means.registry),
        batch_interval_s=means.settings.batch_interval_s,
    )


def _witnessing(means: _Means, policy: Policy) -> Witnessing:
    return Witnessing(
        database_url=means.settings.database_url,
        pool=means.pool,
        producer=means.producer,
        policy=policy,
        clock=utc_now,
        metrics=WitnessMetrics(means.registry),
        interval_s=means.settings.witness_interval_s,
    )


def _anchorings(means: _Means) -> list[Anchoring]:
    metrics = AnchoringMetrics(means.registry)

    async def counted(connection: Connection) -> StoredCheckpoint | None:
        return await newest_counted(connection, means.policy)

    return [
        Anchoring(
            database_url=means.settings.database_url,
            pool=means.pool,
            producer=means.producer,
            writer=chain.writer,
            origin=means.key.verifier.name,
            newest_counted=counted,
            pace=chain.pace,
            clock=utc_now,
            metrics=metrics,
        )
        for chain in means.chains
    ]


def _monitor(means: _Means) -> Monitor:
    return Monitor(
        kafka=means.settings.kafka(),
        database_url=means.settings.database_url,
        pool=means.pool,
        producer=means.producer,
        key=means.key.verifier,
        contracts=[WatchedContract(chain.writer, chain.pace.first_block) for chain in means.chains],
        clock=utc_now,
        metrics=MonitorMetrics(means.registry),
        interval_s=means.settings.monitor_interval_s,
        state_file=means.settings.monitor_state_file,
    )
