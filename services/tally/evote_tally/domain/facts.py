"""Which events stand: the first of its kind that follows what it builds on.

Two replicas can publish the same command's event twice when a database connection dies between
publishing and projecting. Everybody who reads the log keeps the first by the log's order, so a
duplicate changes nothing. The rule looks only at events of the same topic: topics are consumed
independently, and a replay may interleave them in another way.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from evote_eventlog.events import (
    CertificateReceived,
    ElectionAbandoned,
    ElectionClosed,
    ElectionDrafted,
    ElectionEventData,
    ElectionOpened,
    EncryptedTallyComputed,
    PartialDecryptionReceived,
    PolynomialCommitted,
    PolynomialReceived,
    ResultCertified,
    ResultComputed,
    RollFrozen,
    SetupConfirmed,
    TrusteeKeyRenewed,
    VoutputReceived,
)

NO_TRUSTEE = 0
"""The trustee number of an event that is not a trustee's; trustees count from 1."""


@dataclass(frozen=True, slots=True, order=True)
class FactKey:
    """The kind of an event (its class name), and the trustee whose it is, or ``NO_TRUSTEE``.

    ``renewal`` is how often the trustee's key had been renewed before, for what a renewal replaces; else 0.
    """

    kind: str
    trustee: int = NO_TRUSTEE
    renewal: int = 0


@dataclass(frozen=True, slots=True)
class Fact:
    """An event that stands, with the instant (RFC 3339 UTC) of its envelope."""

    data: ElectionEventData
    time: str


_BUILDS_ON: dict[type[ElectionEventData], type[ElectionEventData] | None] = {
    ElectionDrafted: None,
    RollFrozen: ElectionDrafted,
    ElectionAbandoned: ElectionDrafted,
    ElectionOpened: RollFrozen,
    ElectionClosed: ElectionOpened,
    ResultCertified: ElectionClosed,
    CertificateReceived: None,
    TrusteeKeyRenewed: None,
    PolynomialCommitted: CertificateReceived,
    PolynomialReceived: PolynomialCommitted,
    VoutputReceived: PolynomialReceived,
    SetupConfirmed: VoutputReceived,
    EncryptedTallyComputed: None,
    PartialDecryptionReceived: EncryptedTallyComputed,
    ResultComputed: EncryptedTallyComputed,
}
_NOT_AFTER: dict[type[ElectionEventData], type[ElectionEventData]] = {
    # Of two replicas that lost the lock one may open what the other abandons: whichever comes first in the log stands.
    ElectionOpened: ElectionAbandoned,
    RollFrozen: ElectionAbandoned,
    ElectionAbandoned: ElectionOpened,
    PartialDecryptionReceived: ResultComputed,
}
FACT_CLASSES: tuple[type[ElectionEventData], ...] = tuple(_BUILDS_ON)
"""The events that make an election's state, the life cycle first."""


_REPLACED = (CertificateReceived, TrusteeKeyRenewed)
"""What comes again when a trustee's key is renewed."""


def renewals_of(trustee: int, earlier: Collection[FactKey]) -> int:
    """How often the trustee's key has been renewed."""
    return sum(key.kind == TrusteeKeyRenewed.__name__ and key.trustee == trustee for key in earlier)


def key_of(data: ElectionEventData, earlier: Collection[FactKey]) -> FactKey:
    """The key under which an event stands at most once in its election, given those that stand before it."""
    trustee = getattr(data, "trustee", NO_TRUSTEE)
    return FactKey(type(data).__name__, trustee, renewals_of(trustee, earlier) if isinstance(data, _REPLACED) else 0)


def stands(data: ElectionEventData, earlier: Collection[FactKey]) -> bool:
    """Whether the event counts, given the keys of the same topic's events that stand before it."""
    key = key_of(data, earlier)
    if key in earlier:
        return False
    if isinstance(data, TrusteeKeyRenewed):
        # What trustees committed to is made of these keys: from the first commitment on none is replaced.
        committed = any(before.kind == PolynomialCommitted.__name__ for before in earlier)
        return data.number == key.renewal + 1 and not committed
    end = _NOT_AFTER.get(type(data))
    if end is not None and FactKey(end.__name__) in earlier:
        return False
    base = _BUILDS_ON[type(data)]
    if base is None:
        return True
    trustee = key.trustee if "trustee" in base.model_fields else NO_TRUSTEE
    return FactKey(base.__name__, trustee, renewals_of(trustee, earlier) if base in _REPLACED else 0) in earlier
