"""What every event class has: its topic, its version and the key that decides its partition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field


class Topic(StrEnum):
    """The topics of the log, without the deployment's prefix (``evote.`` by default)."""

    ELECTIONS = "elections"
    IDENTITY = "identity"
    BIOMETRIC = "biometric"
    BALLOTS = "ballots"
    LEDGER = "ledger"
    TALLY = "tally"
    DEAD_LETTER = "dead-letter"


ElectionUuid = Annotated[str, Field(pattern=r"^[1-9A-HJ-NP-Za-km-z]{14,}$", max_length=64)]
"""A Belenios election identifier: at least 14 Base58 characters (specification, "Elections")."""

Sha256Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class Since:
    """Stands in the ``Annotated`` of an optional field that a type was given later: the release that it came with."""

    release: int


class EventData(BaseModel):
    """The ``data`` of an event: immutable, closed to unknown fields, additive between versions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    topic: ClassVar[Topic]
    version: ClassVar[int] = 1
    since: ClassVar[int] = 1
    """The release of the events that this type and version came with (``evote_eventlog.releases``)."""

    @classmethod
    @cache
    def type_name(cls) -> str:
        """The CloudEvents ``type``, such as ``jp.tsukuba.evote.ballots.BallotAccepted.v1``."""
        return f"jp.tsukuba.evote.{cls.topic.value}.{cls.__name__}.v{cls.version}"

    def partition_key(self) -> str:
        """The Kafka key; events of one key keep their order."""
        raise NotImplementedError

    def event_id(self) -> str | None:
        """The CloudEvents ``id`` where it follows from the event; None: a random one."""
        return None

    def told_time(self, now: datetime) -> datetime:
        """The CloudEvents ``time``: the minute. Two exact times would join a release and a cast, for whoever sees both;
        and what the public log holds can't be cut any more when it is shown."""
        return now.replace(second=0, microsecond=0)

    def earlier(self) -> EventData | None:
        """The same in the version before this one, for readers of before ``since``; None when it can't be said so."""
        return None


class ElectionEventData(EventData):
    """The ``data`` of an event of one election, keyed by the election unless a class says otherwise."""

    election_uuid: ElectionUuid

    def partition_key(self) -> str:
        return self.election_uuid


@cache
def later_fields(event_class: type[EventData]) -> Mapping[str, int]:
    """The fields that the type was given later, each with the release that it came with."""
    marks = ((name, mark) for name, field in event_class.model_fields.items() for mark in field.metadata)
    return {name: mark.release for name, mark in marks if isinstance(mark, Since)}
