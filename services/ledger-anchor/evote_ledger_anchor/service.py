"""A replica of ledger-anchor: what it holds, how it is put together, how it starts and how it stops."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from evote_anchors.anchor import ChainName
from evote_belenios import native
from evote_eventlog.access import topics_of
from evote_eventlog.consumer import UNHURRIED_S, ProjectionRunner
from evote_eventlog.errors import ReaderStopped
from evote_eventlog.events import CheckpointSigned, CheckpointWitnessed, Topic
from evote_eventlog.metrics import ProjectionMetrics, PublishMetrics
from evote_eventlog.producer import EventProducer
from evote_eventlog.replay import replay_with_bar
from evote_eventlog.topics import TopicWatch
from evote_eventlog.transactional import TransactionalProducer
from evote_platform.access import Access
from evote_platform.background import background_tasks
from evote_platform.clock import Clock
from evote_platform.database import Schema, database_check
from evote_platform.health import Readiness
from evote_platform.process_metrics import show_pool
from evote_platform.reads import Reads
from evote_platform.roster import RosterFile
from evote_platform.starting import pool_when_there
from evote_tlog.checkpoint import SigningKey, VerifierKey
from evote_tlog.policy import Policy
from prometheus_client import CollectorRegistry

from .anchoring import Anchoring
from .chain_settings import ChainSettings
from .chains import OpenChain, open_chains
from .metrics import AnchoringMetrics, MonitorMetrics, SequencerMetrics, WitnessMetrics
from .monitor.chains import WatchedContract
from .monitor.task import Monitor
from .projection import LedgerProjection
from .sequencer import TRANSACTIONAL_ID, Sequencer
from .settings import LedgerSettings
from .store import Connection, StoredCheckpoint, newest_counted
from .wakes import Wakes
from .witnessing import Witnessing

SERVICE = "ledger-anchor"
SCHEMA = Schema("ledger", Path(__file__).parent / "migrations")


@dataclass(frozen=True)
class AnchorContract:
    """An anchor contract on its chain, as the events name both."""

    chain: ChainName
    name: str


@dataclass(frozen=True)
class LedgerService:
    """What every endpoint works with."""

    reads: Reads
    key: VerifierKey
    access: Access
    contracts: tuple[AnchorContract, ...] = ()
    """Where this deployment anchors."""


@dataclass(frozen=True)
class _Means:
    """What the parts are made of."""

    settings: LedgerSettings
    key: SigningKey
    policy: Policy | None
    pool: asyncpg.Pool
    producer: EventProducer
    publishes: PublishMetrics
    chains: Sequence[OpenChain]
    wakes: Wakes
    registry: CollectorRegistry
    clock: Clock


@asynccontextmanager
async def running(
    settings: LedgerSettings,
    chain_settings: ChainSettings,
    roster: RosterFile,
    readiness: Readiness,
    registry: CollectorRegistry,
    clock: Clock,
) -> AsyncIterator[LedgerService]:
    """The replica runs while the block does. Chains and witnesses may be down at any time: it is ready without them."""
    key = settings.signing_key()
    policy = settings.witness_policy(key.verifier)
    async with (
        open_chains(chain_settings) as chains,
        pool_when_there(
            settings.database_url,
            SCHEMA,
            readiness,
            max_size=settings.database_pool_size,
            sessions=_locks(policy, chains),
        ) as pool,
    ):
        show_pool(pool, registry)
        publishes = PublishMetrics(registry)
        producer = EventProducer(settings.kafka(), SERVICE, clock, metrics=publishes)
        means = _Means(settings, key, policy, pool, producer, publishes, chains, Wakes(), registry, clock)
        runner = ProjectionRunner(
            settings.kafka(),
            pool,
            LedgerProjection(key.verifier),
            producer,
            ProjectionMetrics(registry),
            # Nothing ends the rest of a replica that has ballots' partitions and not the log's, and a checkpoint
            # can't be served before the records in it.
            round_s=UNHURRIED_S,
            awaited=[Topic.LEDGER],
            on_applied=means.wakes.applied,
        )
        sequencer, monitor = _sequencer(means), _monitor(means)
        readiness.watch("database", database_check(pool))
        readiness.watch("kafka", producer.check)
        readiness.watch("projection", runner.caught_up)
        readiness.watch("sequencer", sequencer.check)
        readiness.register("roster", roster.check)
        readiness.register("arithmetic", native.check)
        await producer.start()
        try:
            async with background_tasks(readiness, stopping=ReaderStopped) as tasks:
                tasks.start("topics", TopicWatch(settings.kafka(), topics_of(SERVICE), registry).run())
                tasks.start("projection", monitor.reporting_losses(runner.run()))
                tasks.start("sequencer", sequencer.run())
                tasks.start("monitor", monitor.run())
                tasks.start("findings", monitor.publish_what_is_left())
                if policy is not None:
                    tasks.start("witnessing", _witnessing(means, policy).run())
                for anchoring in _anchorings(means):
                    tasks.start("anchoring", anchoring.run())
                contracts = tuple(AnchorContract(chain.writer.chain, chain.writer.anchor_contract) for chain in chains)
                yield LedgerService(Reads(pool), key.verifier, Access(SERVICE, roster, clock), contracts)
        finally:
            await producer.stop()


async def replay(settings: LedgerSettings, pool: asyncpg.Pool) -> None:
    """Empty the projection and make it again from the event log."""
    await replay_with_bar(settings.kafka(), pool, LedgerProjection(settings.signing_key().verifier))


def _locks(policy: Policy | None, chains: Sequence[OpenChain]) -> int:
    """How many kinds of work one replica at a time does: sequencing, watching, witnessing, anchoring on each chain."""
    return 2 + (policy is not None) + len(chains)


def _sequencer(means: _Means) -> Sequencer:
    kafka = means.settings.kafka()
    return Sequencer(
        kafka=kafka,
        database_url=means.settings.database_url,
        pool=means.pool,
        writer=TransactionalProducer(kafka, SERVICE, means.clock, TRANSACTIONAL_ID, metrics=means.publishes),
        key=means.key,
        metrics=SequencerMetrics(means.registry),
        batch_interval_s=means.settings.batch_interval_s,
        policy=means.policy,
    )


def _witnessing(means: _Means, policy: Policy) -> Witnessing:
    return Witnessing(
        database_url=means.settings.database_url,
        pool=means.pool,
        producer=means.producer,
        policy=policy,
        clock=means.clock,
        metrics=WitnessMetrics(means.registry),
        interval_s=means.settings.witness_interval_s,
        wake=means.wakes.at(CheckpointSigned, CheckpointWitnessed),
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
            wake=means.wakes.at(CheckpointSigned if means.policy is None else CheckpointWitnessed),
            pace=chain.pace,
            clock=means.clock,
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
        clock=means.clock,
        metrics=MonitorMetrics(means.registry),
        interval_s=means.settings.monitor_interval_s,
        state_file=means.settings.monitor_state_file,
    )
