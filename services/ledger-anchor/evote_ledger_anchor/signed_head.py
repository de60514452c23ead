"""The head that was signed last, as Kafka knows it: what a new leader must be about to continue."""

from __future__ import annotations

from evote_eventlog.events import CheckpointSigned, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.record import PoisonRecord
from evote_eventlog.tail import EventTail
from evote_tlog.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from evote_tlog.errors import TlogError

_FIRST_LOOK = 64


class TablesDisagree(Exception):
    """The tables don't show the log that was signed. Fields: ``signed`` and ``shown``, the two heads."""

    def __init__(self, signed: Checkpoint | None, shown: Checkpoint) -> None:
        super().__init__(
            f"the tables show the log at size {shown.size}, root {shown.root.hex()}, but signed was "
            + (f"size {signed.size}, root {signed.root.hex()}" if signed else "nothing yet")
            + ": somebody changed them; see docs/runbooks/tampering.md"
        )
        self.signed = signed
        self.shown = shown


async def newest_signed(kafka: KafkaSettings, key: VerifierKey) -> Checkpoint | None:
    """The largest checkpoint among the newest records of ``evote.ledger`` that hold one which ``key`` signed.

    Raises:
        LogUnavailable: Kafka is away.
    """
    tail = EventTail(kafka, [Topic.LEDGER])
    ends = await tail.end_offsets()
    look = _FIRST_LOOK
    while True:
        start = {partition: max(0, end - look) for partition, end in ends.items()}
        signed = [
            checkpoint
            async for record in tail.read(start, until=ends)
            if not isinstance(record, PoisonRecord)
            and isinstance(record.envelope.data, CheckpointSigned)
            and (checkpoint := _opened(record.envelope.data.note, key)) is not None
        ]
        if signed or not any(start.values()):
            return max(signed, key=lambda checkpoint: checkpoint.size, default=None)
        look *= 8


def _opened(note: str, key: VerifierKey) -> Checkpoint | None:
    try:
        return open_checkpoint(note, key)
    except TlogError:
        return None
