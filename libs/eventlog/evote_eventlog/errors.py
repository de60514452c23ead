"""What can go wrong between a service and the log, with the facts in fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

RETRY_AFTER_S = 2
"""What a client is told to wait when the log is away, in seconds."""


class PoisonError(Exception):
    """A record that no retry can help: it goes to the dead letters with ``reason``.

    ``reason`` says which rule failed and where; it never repeats a value of the record.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LogUnavailable(Exception):
    """Kafka did not answer in time.

    After a publish the outcome is unknown: the event may still land. Publishing it again is safe only
    where a second copy means nothing, which every event of this platform is designed for.

    Fields: ``reason``, and ``retry_after_s``, what to tell a client (seconds).
    """

    def __init__(self, reason: str, retry_after_s: int = RETRY_AFTER_S) -> None:
        super().__init__(f"the event log is not available: {reason}")
        self.reason = reason
        self.retry_after_s = retry_after_s


class Fenced(Exception):
    """Another producer took over this transactional id: stop writing and read the log again.

    Fatal for the position in the log that the caller holds. Field: ``transactional_id``.
    """

    def __init__(self, transactional_id: str) -> None:
        super().__init__(f"another producer took over the transactional id {transactional_id!r}")
        self.transactional_id = transactional_id


class EventTooLarge(Exception):
    """The encoded event exceeds what the log takes. Fields: ``size`` and ``limit``, in bytes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"the event has {size} bytes; the log takes {limit} at most")
        self.size = size
        self.limit = limit


class NotReadByAll(Exception):
    """The event is newer than what every reader of the deployment reads, and no earlier version says it: not written.

    What makes such an event is offered only where the deployment's release (``KafkaSettings.events_release``) has it.
    Fields: ``type_name`` (CloudEvents type), ``since`` and ``release`` (of the events: the type's, the deployment's).
    """

    def __init__(self, type_name: str, since: int, release: int) -> None:
        super().__init__(
            f"{type_name} came with release {since} of the events; this deployment's readers read {release}"
        )
        self.type_name = type_name
        self.since = since
        self.release = release


class ReaderStopped(Exception):
    """A reader of the log came to what it must not pass: going on would lose or hide something.

    It stays there until the process is started again: by a newer release, or after a person has looked.
    """


class UnknownEvent(ReaderStopped):
    """A well-formed event of a newer release: its type, its version or a field of it is not known here.

    Never poison and never skipped: it may be a ballot that was acknowledged. Fields: ``type_name`` (CloudEvents type),
    ``unknown`` (what is not known) and ``place`` (where the record stands; None while only its value was looked at).
    """

    def __init__(self, type_name: str, unknown: str, place: str | None = None) -> None:
        super().__init__(
            f"{place or 'a record'} holds {type_name}: {unknown} is newer than this release; "
            "upgrade this service: it goes on from there, and nothing is skipped"
        )
        self.type_name = type_name
        self.unknown = unknown
        self.place = place


class LogGap(ReaderStopped):
    """Records that were in a partition are not there any more, or can't be read.

    Fields: ``topic``, ``partition``, ``first`` and ``behind`` (the missing offsets: from ``first`` up to before
    ``behind``) and ``reason``.
    """

    def __init__(self, topic: str, partition: int, first: int, behind: int, reason: str) -> None:
        super().__init__(
            f"{topic}/{partition}: offsets {first} to {behind - 1} are missing: {reason}; "
            "find out what happened to the log before anything else: docs/runbooks/event-log.md"
        )
        self.topic = topic
        self.partition = partition
        self.first = first
        self.behind = behind
        self.reason = reason


class TopicsUnfit(ReaderStopped):
    """Topics are set up so that they would lose events. Field: ``faults``, by topic (Kafka name)."""

    def __init__(self, faults: Mapping[str, Sequence[str]]) -> None:
        said = "; ".join(f"{topic}: {fault}" for topic, found in faults.items() for fault in found)
        super().__init__(f"{said}. Set the topics right and start again: docs/runbooks/event-log.md")
        self.faults = faults


class LogTruncated(ReaderStopped):
    """The log ends before what a projection has applied, or has other records there: some were lost, or the topic is
    another one.

    That it ends is said when the leader has kept to it for some ten seconds: one that was left behind answers so for a
    while, and the log lost nothing. Fatal: going on would hide the loss. Fields: ``topic``, ``partition``, ``applied``
    (the projection's next offset) and ``found`` (where the log ends, or an offset of another record).
    """

    def __init__(self, topic: str, partition: int, applied: int, found: int) -> None:
        super().__init__(
            f"{topic}/{partition} was applied up to offset {applied}, but the log answers with {found}: "
            "find out what happened to the log; replay only when it is known to be complete"
        )
        self.topic = topic
        self.partition = partition
        self.applied = applied
        self.found = found


class TopicsUnavailable(Exception):
    """Kafka refused to create the topics. Fields: ``topic`` (Kafka name), ``reason``."""

    def __init__(self, topic: str, reason: str) -> None:
        super().__init__(f"topic {topic} can't be created: {reason}")
        self.topic = topic
        self.reason = reason


class ApplyFailed(Exception):
    """A projection failed on a record for a reason that is not the record's: a bug, or a surprise of the database.

    What stands before it is applied. Fields: ``place`` and ``offset`` of the record and its ``type_name``; what
    happened is the cause.
    """

    def __init__(self, place: str, offset: int, type_name: str) -> None:
        super().__init__(f"{place} ({type_name}) can't be applied")
        self.place = place
        self.offset = offset
        self.type_name = type_name


class OffsetMovedBack(Exception):
    """The database knows less than this consumer applied: it was replayed or restored. Seek there."""

    def __init__(self, next_offset: int) -> None:
        super().__init__(f"the projection is back at offset {next_offset}")
        self.next_offset = next_offset
