"""What the brokers let each service do: a Kafka with TLS and access control, and nothing granted but the manifest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from evote_eventlog.access import SERVICES, WRITERS, manifest
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import BallotBoxClosed, CheckpointWitnessed, Topic
from evote_eventlog.kafka import KafkaSettings, KafkaTls
from evote_eventlog.producer import EventProducer
from evote_eventlog.reading import consumer_options, stop_consumer
from evote_eventlog.transactional import TransactionalProducer
from evote_local.nodes.kafka import KafkaNode
from evote_local.nodes.kafka_grants import grant_the_manifest, move_grants
from evote_local.nodes.tls import LocalAuthority
from evote_local.testbed import eventually

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(240)]


class SecuredKafka:
    """A broker that knows every service by its certificate."""

    def __init__(self, directory: Path) -> None:
        self._authority = LocalAuthority(directory / "tls")
        self.node = KafkaNode(directory / "kafka", authority=self._authority)

    def settings(self, name: str) -> KafkaSettings:
        identity = self._authority.issue(name)
        tls = KafkaTls(self._authority.ca_file, identity.certificate_file, identity.key_file)
        return KafkaSettings(self.node.bootstrap_servers, tls=tls, client_rack="zone-a")

    def stranger(self, directory: Path) -> KafkaSettings:
        other = LocalAuthority(directory)
        identity = other.issue("operator")
        tls = KafkaTls(self._authority.ca_file, identity.certificate_file, identity.key_file)
        return KafkaSettings(self.node.bootstrap_servers, tls=tls)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    kafka = SecuredKafka(tmp_path_factory.mktemp("secured"))
    kafka.node.start()
    yield kafka
    kafka.node.kill()


@pytest.fixture
async def granted(secured: SecuredKafka, patience: ExitStack) -> AsyncIterator[SecuredKafka]:
    await grant_the_manifest(secured.settings("operator"))
    yield secured


def marker() -> BallotBoxClosed:
    return BallotBoxClosed(election_uuid="1" * 14, partition=0, partitions=6)


async def test_a_service_writes_its_own_topics_and_no_other(granted: SecuredKafka) -> None:
    for service in SERVICES:
        producer = EventProducer(granted.settings(service), service, lambda: datetime.now(UTC))
        try:
            if service in WRITERS[Topic.BALLOTS]:
                await eventually(lambda producer=producer: may_publish(producer))
            else:
                assert not await may_publish(producer)
        finally:
            await producer.stop()


async def may_publish(producer: EventProducer) -> bool:
    """As the broker has it: it hears of what an operator grants a moment after the operator's answer."""
    try:
        await producer.publish(marker())
    except LogUnavailable as refused:
        assert "TopicAuthorizationFailed" in refused.reason
        return False
    return True


async def test_auth_can_not_read_who_voted_when(granted: SecuredKafka) -> None:
    consumer = AIOKafkaConsumer("evote.ballots", **consumer_options(granted.settings("auth")))
    try:
        with pytest.raises(TopicAuthorizationFailedError):
            await consumer.start()
            await consumer.getone()
    finally:
        await stop_consumer(consumer)


async def test_the_sequencers_transactional_id_is_its_own(granted: SecuredKafka) -> None:
    def writer(service: str) -> TransactionalProducer:
        return TransactionalProducer(granted.settings(service), service, lambda: datetime.now(UTC), "ledger-sequencer")

    own, thief = writer("ledger-anchor"), writer("tally")
    try:
        await own.start()
        with pytest.raises(LogUnavailable):
            await thief.start()
        # The thief has not fenced it.
        await own.publish_all([CheckpointWitnessed(origin="log", size=1, note="x")])
    finally:
        await own.stop()
        await thief.stop()


async def test_a_certificate_is_shut_out_by_its_name_alone_and_at_once(granted: SecuredKafka) -> None:
    """docs/runbooks/incidents.md, "A key is compromised": brokers know no list of what was revoked."""

    def writer(name: str) -> EventProducer:
        return EventProducer(granted.settings(name), "ballot", lambda: datetime.now(UTC))

    stolen, renewed, renamed = writer("ballot"), writer("ballot"), writer("ballot-2")
    try:
        await eventually(lambda: may_publish(stolen))
        await renewed.publish(marker())
        await stolen.publish(marker())  # a new certificate of the same name takes nothing from the old one
        await move_grants(granted.settings("operator"), "ballot", "ballot-2")
        await eventually(lambda: may_publish(renamed))
        for producer in (stolen, renewed):  # over the connections that they have
            await eventually(lambda producer=producer: is_shut_out(producer))
    finally:
        await asyncio.gather(stolen.stop(), renewed.stop(), renamed.stop())


async def test_who_has_no_certificate_of_the_authority_gets_no_answer(granted: SecuredKafka, tmp_path: Path) -> None:
    plain = KafkaSettings(granted.node.bootstrap_servers)
    for settings in (plain, granted.stranger(tmp_path)):
        admin = AIOKafkaAdminClient(**settings.client_options(), request_timeout_ms=5000)
        with pytest.raises(KafkaConnectionError):
            await admin.start()
        await admin.close()


async def is_shut_out(producer: EventProducer) -> bool:
    return not await may_publish(producer)


def test_the_manifest_in_the_documents_is_the_one_of_the_code() -> None:
    shown = Path(__file__).parents[3] / "docs" / "kafka-acls.json"
    assert shown.read_text() == manifest(), "run `make events`"
