"""All spans of a referendum, as an administrator has them who reads every pipeline: they don't tell of a voter."""

from __future__ import annotations

import asyncio
import secrets
import ssl
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from evote_eventlog.events import Topic
from evote_eventlog.reading import consumer_options
from evote_local.nodes.collector import PROGRAM, Collector
from evote_local.nodes.otlp import OtlpReceiver
from evote_local.people import voters
from evote_local.people.voters import open_client
from evote_local.referendum import referendum as people
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.stack.stack import Stack
from evote_local.testbed import eventually
from evote_platform.tracing import ALLOWED_ATTRIBUTES
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from ...collected import as_passed, whole

pytestmark = [pytest.mark.stack, pytest.mark.slow]

PIPELINES = ("auth", "biometric", "ballot", "ledger", "tally")
COLLECTORS = {"auth": ("auth",), "ballot": ("ballot",), "others": ("biometric", "ledger-anchor", "tally")}
"""What the runbook has: which services each Collector takes."""
CARRYING = ("traceparent", "tracestate", "baggage")


class Devices:
    """The voters' devices, each of which tells auth and ballot of one trace, as a page that is instrumented would."""

    def __init__(self) -> None:
        self.traces: list[str] = []
        self.answered: list[httpx.Headers] = []

    def open(self, timeout_s: float = 30) -> httpx.AsyncClient:
        self.traces.append(secrets.token_hex(16))

        async def note(response: httpx.Response) -> None:
            self.answered.append(response.headers)

        client = voters.open_client(timeout_s)
        client.headers.update({"traceparent": f"00-{self.traces[-1]}-{secrets.token_hex(8)}-01", "baggage": "voter=me"})
        client.event_hooks = {"response": [note]}
        return client


@dataclass(frozen=True)
class Held:
    """A referendum that was held, and all that the services exported meanwhile."""

    referendum: Referendum
    devices: Devices
    voting: tuple[int, int]
    """From the first voter's first request to the last one's answer, in nanoseconds since 1970."""
    receiver: OtlpReceiver


@pytest.fixture(scope="module")
def held(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Held:
    assert stack.collectors is not None
    devices = Devices()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "open_client", devices.open)
        referendum, voting = asyncio.run(_referendum(stack, stack.collectors, tmp_path_factory.mktemp("traces")))
    return Held(referendum, devices, voting, stack.collectors)


def test_no_span_of_a_referendum_tells_of_a_voter_or_joins_auth_and_ballot(held: Held) -> None:
    exported = {pipeline: list(held.receiver.spans(pipeline)) for pipeline in PIPELINES}
    _say_nothing_but_what_is_allowed(held.receiver)
    _name_no_person_and_no_ballot(held.receiver, held.referendum, held.devices)
    _join_nothing(exported)
    for pipeline in ("auth", "biometric", "ballot"):
        # So even the number of spans, and when they came, is the same whoever votes.
        began, ended = held.voting
        assert not [span.name for span in exported[pipeline] if began <= span.start_time_unix_nano <= ended]


@pytest.mark.skipif(not PROGRAM.exists(), reason="make collector builds the Collector")
def test_all_that_services_exported_gets_through_the_collector_of_their_pipeline_and_through_no_other(
    held: Held, tmp_path: Path
) -> None:
    with ExitStack() as running:
        behind = running.enter_context(OtlpReceiver())
        for pipeline, services in COLLECTORS.items():
            (tmp_path / pipeline).mkdir()
            names = [f"evote-{service}" for service in services]
            collector = Collector(tmp_path / pipeline, names, behind.endpoint(pipeline))
            running.enter_context(collector)
            client = running.enter_context(
                httpx.Client(verify=ssl.create_default_context(cafile=str(collector.certificate)), timeout=60)
            )
            for exported in list(held.receiver.exported):
                headers = {"Content-Type": "application/x-protobuf"}
                assert client.post(collector.endpoint, content=exported.body, headers=headers).status_code == 200
        # In any order: a Collector sends on by several connections.
        sent = {
            pipeline: sorted(
                whole(as_passed(one.request))
                for one in held.receiver.exported
                if one.pipeline in {service.removesuffix("-anchor") for service in services}
            )
            for pipeline, services in COLLECTORS.items()
        }
        asyncio.run(eventually(lambda: _as_many(behind, sum(map(len, sent.values())))))
    arrived = {
        pipeline: sorted(whole(one.request) for one in behind.exported if one.pipeline == pipeline)
        for pipeline in COLLECTORS
    }
    assert arrived == sent


async def _as_many(behind: OtlpReceiver, expected: int) -> bool:
    return len(behind.exported) >= expected


def test_neither_an_answer_to_a_voter_nor_a_record_carries_a_trace(stack: Stack, held: Held) -> None:
    assert held.devices.answered
    assert not [headers for headers in held.devices.answered if set(CARRYING) & set(headers)]
    asyncio.run(_no_record_carries_a_context(stack))


def test_what_officers_do_is_followed_through_tally_the_log_and_the_witnesses_to_the_chain(held: Held) -> None:
    tally, ledger = ([*held.receiver.spans(pipeline)] for pipeline in ("tally", "ledger"))
    command = next(span for span in tally if span.name == "POST /elections/{election_uuid}/open")
    events = {link.trace_id for link in command.links}
    published = [span for span in tally if span.trace_id in events]
    processed = [span for span in ledger if span.trace_id in events]
    assert {span.name for span in published} == {"publish elections"}
    assert {span.name for span in processed} == {"process elections"}
    assert {span.parent_span_id for span in processed} == {span.span_id for span in published}
    assert all(link.trace_id == command.trace_id for span in published for link in span.links)
    assert {"ask witness", "announce cosignatures", "submit anchor", "announce anchor"} <= {
        span.name for span in ledger
    }
    assert {"compute encrypted tally", "compute result", "GET /statusz"} <= {span.name for span in tally}
    anchored = {_attributes(span)["evote.log.size"] for span in ledger if span.name == "announce anchor"}
    assert max(anchored) >= min(_attributes(span)["evote.log.size"] for span in processed)


async def _referendum(stack: Stack, receiver: OtlpReceiver, directory: Path) -> tuple[Referendum, tuple[int, int]]:
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=4, seed=20261129)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        with device_pool() as executor:
            polls = await referendum.open_polls(executor)
            began = time.time_ns()
            await referendum.vote(polls, referendum.plan_visits(), lambda: None)
            voting = began, time.time_ns()
        assert await referendum.close_and_count() == referendum.expected_result()

    async def told() -> bool:
        # Whatever came before it in these services has been exported, too: each has one queue.
        return all(
            any(span.start_time_unix_nano > voting[1] and span.name == last for span in receiver.spans(pipeline))
            for pipeline, last in {
                "ballot": "close ballot box",
                "tally": "POST /elections/{election_uuid}/certify",
                "ledger": "announce anchor",
            }.items()
        )

    await eventually(told)
    return referendum, voting


def _say_nothing_but_what_is_allowed(receiver: OtlpReceiver) -> None:
    for exported in receiver.exported:
        for of_resource in exported.request.resource_spans:
            assert {pair.key for pair in of_resource.resource.attributes} == {"service.name", "service.version"}
    for pipeline in PIPELINES:
        for span in receiver.spans(pipeline):
            assert _attributes(span).keys() <= ALLOWED_ATTRIBUTES
            assert not (span.events or span.trace_state or span.status.message)
            assert not any(link.attributes or link.trace_state for link in span.links)


def _name_no_person_and_no_ballot(receiver: OtlpReceiver, referendum: Referendum, devices: Devices) -> None:
    secret = [referendum.officers.election_uuid.encode(), *map(bytes.fromhex, devices.traces)]
    for voter in referendum.voters:
        assert voter.credential is not None
        secret += [referendum.name_of(voter.number).encode(), referendum.voter_id(voter.number).encode()]
        secret += [voter.credential.encode(), *(cast.tracker.encode() for cast in voter.casts)]
    sent = b"".join(exported.body for exported in receiver.exported)
    assert not [known for known in secret if known in sent]


def _join_nothing(exported: dict[str, list[Span]]) -> None:
    told = {pipeline: {*_ids(spans)} for pipeline, spans in exported.items()}
    assert told["auth"] and told["ballot"], "both have been traced, or there would be nothing to join"
    for side in ("auth", "biometric", "ballot"):
        for other in PIPELINES:
            assert side == other or not told[side] & told[other], (side, other)
    values = {side: {*_values(exported[side])} for side in ("auth", "ballot")}
    assert not values["auth"] & values["ballot"]


def _ids(spans: Iterable[Span]) -> Iterable[bytes]:
    for span in spans:
        yield from (span.trace_id, span.span_id)
        for link in span.links:
            yield from (link.trace_id, link.span_id)


def _values(spans: Iterable[Span]) -> Iterable[str]:
    for span in spans:
        yield from map(str, _attributes(span).values())


def _attributes(span: Span) -> dict[str, Any]:
    return {
        pair.key: pair.value.int_value if pair.value.HasField("int_value") else pair.value.string_value
        for pair in span.attributes
    }


async def _no_record_carries_a_context(stack: Stack) -> None:
    kafka = stack.kafka_settings
    consumer = AIOKafkaConsumer(*(kafka.topic_name(topic) for topic in Topic), **consumer_options(kafka))
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        read = 0
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    read += 1
                    assert not record.headers
                    assert not [word for word in CARRYING if word.encode() in record.value]
        assert read
    finally:
        await consumer.stop()
