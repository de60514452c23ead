"""A writer writes what every reader of its deployment reads: earlier versions, without later fields, or nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, ClassVar

import pytest
from evote_eventlog.envelope import decode
from evote_eventlog.errors import NotReadByAll
from evote_eventlog.events import BallotAccepted, EventData, Topic
from evote_eventlog.events.base import Since
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.releases import NEWEST_RELEASE, OLDEST_RELEASE, EventsRelease, in_words_of, newest_release
from evote_eventlog.tail import EventTail
from evote_eventlog.transactional import TransactionalProducer
from evote_platform.clock import utc_now
from pydantic import BaseModel, ValidationError

from .brokers import until_readable

NewBallot = Callable[..., BallotAccepted]


class WithField(BallotAccepted):
    """Release 2 gave the type a field."""

    channel: Annotated[str, Since(2)] = "device"


WithField.__name__ = BallotAccepted.__name__


class NextVersion(WithField):
    """Release 3 made a new version of it."""

    version: ClassVar[int] = 3
    since: ClassVar[int] = 3
    booth: str

    def earlier(self) -> WithField:
        return WithField(**{name: getattr(self, name) for name in WithField.model_fields})


NextVersion.__name__ = BallotAccepted.__name__


class BallotWithdrawn(EventData):
    """Release 2 brought a new type."""

    topic: ClassVar[Topic] = Topic.BALLOTS
    since: ClassVar[int] = 2
    credential: str

    def partition_key(self) -> str:
        return self.credential


@pytest.fixture
def newest(new_ballot: NewBallot) -> NextVersion:
    return NextVersion(**new_ballot(1).model_dump(), channel="kiosk", booth="3")


def at(kafka: KafkaSettings, release: int) -> KafkaSettings:
    return replace(kafka, events_release=release)


def test_the_newest_release_is_that_of_the_last_declaration() -> None:
    assert newest_release([BallotAccepted]) == 1
    assert newest_release([BallotAccepted, WithField]) == 2
    assert newest_release([WithField, NextVersion, BallotWithdrawn]) == 3


def test_an_event_is_said_in_the_words_of_the_release_that_all_read(newest: NextVersion) -> None:
    assert in_words_of(newest, 3) is newest
    second = in_words_of(newest, 2)
    assert isinstance(second, WithField)
    assert (second.type_name(), second.channel) == ("jp.tsukuba.evote.ballots.BallotAccepted.v2", "kiosk")
    first = in_words_of(newest, 1)
    assert isinstance(first, WithField)
    assert first.channel == "device"
    with pytest.raises(NotReadByAll) as refusal:
        in_words_of(BallotWithdrawn(credential="c"), 1)
    assert (refusal.value.since, refusal.value.release) == (2, 1)


@pytest.mark.parametrize("release", [OLDEST_RELEASE - 1, NEWEST_RELEASE + 1])
def test_a_release_that_this_one_does_not_know_is_no_setting(release: int) -> None:
    class Settings(BaseModel):
        events_release: EventsRelease = OLDEST_RELEASE

    assert Settings().events_release == OLDEST_RELEASE
    with pytest.raises(ValidationError, match="upgrade every reader before the setting is raised"):
        Settings(events_release=release)


@pytest.mark.stack
async def test_nothing_newer_than_the_setting_reaches_the_log(kafka: KafkaSettings, newest: NextVersion) -> None:
    """Whoever reads the log with this release's code, where release 1 is all there is, understands every record."""
    one = EventProducer(at(kafka, 1), "test", utc_now)
    many = TransactionalProducer(at(kafka, 1), "test", utc_now, "writer")
    await many.start()
    published = [await one.publish(newest), *await many.publish_all([newest])]
    await until_readable(kafka, published)
    for refused in (
        one.publish(BallotWithdrawn(credential="c")),
        many.publish_all([newest, BallotWithdrawn(credential="c")]),
    ):
        with pytest.raises(NotReadByAll):
            await refused
    await one.stop()
    await many.stop()
    tail = EventTail(kafka, [Topic.BALLOTS])
    read = [record async for record in tail.read("earliest", until=await tail.end_offsets())]
    assert [record.value for record in read] == [record.value for record in published]
    for record in published:
        assert "channel" not in json.loads(record.value)["data"]
        understood = decode(record.value).data
        assert isinstance(understood, BallotAccepted)
        assert understood.tracker == newest.tracker


@pytest.mark.stack
async def test_what_all_read_is_written_whole(kafka: KafkaSettings, newest: NextVersion) -> None:
    for release, fields in ((2, {"channel": "kiosk"}), (3, {"channel": "kiosk", "booth": "3"})):
        producer = EventProducer(at(kafka, release), "test", utc_now)
        record = await producer.publish(newest)
        await producer.stop()
        assert fields.items() <= json.loads(record.value)["data"].items()
        assert record.envelope.data == in_words_of(newest, release)
