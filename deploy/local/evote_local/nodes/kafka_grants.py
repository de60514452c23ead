"""Topics and grants as an operator of brokers with access control makes them: the manifest, and nothing besides."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest
from evote_eventlog.access import grants
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.topics import create_topics

from .processes import ProcessFailed

# Apache Kafka protocol, "ACLs": resource types, operations, and the literal pattern of an allowed host.
_RESOURCES = {"topic": 2, "group": 3, "transactional-id": 5}
_OPERATIONS = {"read": 3, "write": 4, "describe-configs": 10}
_LITERAL, _ALLOW = 3, 3
_ANY = 1


async def grant_the_manifest(operator: KafkaSettings) -> None:
    """Create the topics, with as many copies as ``operator`` says, and let each service, by the common name of its
    certificate, do what it was granted.

    Raises:
        ProcessFailed: the brokers refused a grant.
    """
    await create_topics(operator, replication=operator.copies.of_each)
    await _grant(operator, {grant.service: grant.service for grant in grants()})


async def move_grants(operator: KafkaSettings, service: str, name: str) -> None:
    """Let the holder of a certificate of this common name do what the service was granted, and no other one.

    Raises:
        ProcessFailed: the brokers refused it.
    """
    await _grant(operator, {service: name})
    async with _administration(operator) as client:
        request = DeleteAclsRequest(_ANY, None, _ANY, f"User:CN={service}", None, _ANY, _ANY)
        response = await client.send(client.get_random_node(), request)
        if [code for code, *_ in response.filter_responses] != [0]:
            raise ProcessFailed("Kafka", f"leaves {service} its grants", str(response))


async def _grant(operator: KafkaSettings, names: Mapping[str, str]) -> None:
    """What the manifest grants to these services, each by the common name of its certificate."""
    async with _administration(operator) as client:
        for grant in grants():
            if grant.service not in names:
                continue
            request = CreateAclsRequest(
                _RESOURCES[grant.resource],
                f"{operator.topic_prefix}{grant.name}",
                _LITERAL,
                f"User:CN={names[grant.service]}",
                "*",
                _OPERATIONS[grant.operation],
                _ALLOW,
            )
            response = await client.send(client.get_random_node(), request)
            if [code for code, *_ in response.creation_responses] != [0]:
                raise ProcessFailed("Kafka", f"refused {grant}", str(response))


@asynccontextmanager
async def _administration(operator: KafkaSettings) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(**operator.client_options())
    await admin.start()
    try:
        yield admin._client
    finally:
        await admin.close()
