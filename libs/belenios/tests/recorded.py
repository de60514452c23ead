"""Records of casts, as events ``BallotAccepted`` have them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Signature:
    challenge: str
    response: str


@dataclass(frozen=True)
class Order:
    number: int
    signature: Signature


@dataclass(frozen=True)
class Recorded:
    election_uuid: str
    credential: str
    tracker: str
    ballot: str
    order: Order
