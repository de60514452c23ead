"""Topics and grants as an operator of brokers with access control makes them: the manifest, and nothing besides."""

from __future__ import annotations

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest
from evote_eventlog.access import grants
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.topics import create_topics

from .processes import ProcessFailed

# Apache Kafka protocol, "ACLs": resource types, operations, and the literal pattern of an allowed host.
_RESOURCES = {"topic": 2, "group": 3, "transactional-id": 5}
_OPERATIONS = {"read": 3, "write": 4, "describe-configs": 10}
_LITERAL, _ALLOW = 3, 3


async def grant_the_manifest(operator: KafkaSettings) -> None:
    """Create the topics, with as many copies as ``operator`` says, and let each service, by the common name of its
    certificate, do what it was granted.

    Raises:
        ProcessFailed: the brokers refused a grant.
    """
    await create_topics(operator, replication=operator.copies.of_each)
    admin = AIOKafkaAdminClient(**operator.client_options())
    await admin.start()
    try:
        client = admin._client
        for grant in grants():
            request = CreateAclsRequest(
                _RESOURCES[grant.resource],
                f"{operator.topic_prefix}{grant.name}",
                _LITERAL,
                f"User:CN={grant.service}",
                "*",
                _OPERATIONS[grant.operation],
                _ALLOW,
            )
            response = await client.send(client.get_random_node(), request)
            if [code for code, *_ in response.creation_responses] != [0]:
                raise ProcessFailed("Kafka", f"refused {grant}", str(response))
    finally:
        await admin.close()
