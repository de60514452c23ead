"""``evote.ballots``: whole encrypted ballots and the close marker, written by ballot."""

from __future__ import annotations

from .base import ElectionEventData, Topic


class BallotAccepted(ElectionEventData):
    """A ballot passed every check. ``ballot`` is the voter's exact JSON text; what counts is derived."""

    topic = Topic.BALLOTS

    credential: str
    """The public credential that signed the ballot."""
    tracker: str
    """The smart ballot tracker: unpadded base64 of SHA-256 of ``ballot``."""
    ballot: str

    def partition_key(self) -> str:
        return self.credential


class BallotBoxClosed(ElectionEventData):
    """The close marker, written to every partition: ballots of the election after it don't count."""

    topic = Topic.BALLOTS

    partition: int
    partitions: int
    """How many partitions the topic has, so that a reader knows when the box is closed everywhere."""
