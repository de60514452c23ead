"""The election as it was drafted, and the ceremony: what every trustee must see alike.

The *ceremony* is the plan together with everybody's certificates, in the trustees' order. Its digest is SHA-256 over
the canonical JSON (RFC 8785) of all of it; the short code that trustees read to each other is made of that digest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from evote_belenios.election import Question
from evote_belenios.groups import Group, group_by_name
from evote_statements.keys import key_text, parse_key

_KIND = "tsukuba-evote ceremony v1"


class NotATrustee(Exception):
    """The plan names no trustee with this key. Field: ``key``, the key's line."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


class NoSuchTrustee(Exception):
    """The plan has no trustee of this number. Field: ``trustee``."""

    def __init__(self, trustee: int) -> None:
        super().__init__(trustee)
        self.trustee = trustee


@dataclass(frozen=True)
class PlannedTrustee:
    """A trustee's name, and the line of the key that they handed to the officer."""

    name: str
    key: str


@dataclass(frozen=True)
class Plan:
    """The election as it was drafted, or with keys renewed since. Trustees count from 1; instants are RFC 3339 UTC."""

    election_uuid: str
    name: str
    description: str
    group_name: str
    administrator: str
    questions: tuple[Question, ...]
    trustees: tuple[PlannedTrustee, ...]
    threshold: int
    opens_at: str
    closes_at: str

    @property
    def group(self) -> Group:
        """The group; raises ``ElectionError`` when it is unknown."""
        return group_by_name(self.group_name)

    @property
    def numbers(self) -> range:
        """The trustees' numbers."""
        return range(1, len(self.trustees) + 1)

    def key_of(self, trustee: int) -> Ed25519PublicKey:
        """A trustee's key.

        Raises:
            NoSuchTrustee: the plan has fewer trustees.
            KeyMistyped: the plan's line is no key.
        """
        if trustee not in self.numbers:
            raise NoSuchTrustee(trustee)
        return parse_key(self.trustees[trustee - 1].key)

    def with_key(self, trustee: int, key: str) -> Plan:
        """The plan with another key in the place of a trustee's; raises :class:`NoSuchTrustee`."""
        if trustee not in self.numbers:
            raise NoSuchTrustee(trustee)
        renewed = replace(self.trustees[trustee - 1], key=key)
        return replace(self, trustees=(*self.trustees[: trustee - 1], renewed, *self.trustees[trustee:]))

    def number_of(self, key: Ed25519PublicKey) -> int:
        """The number of the trustee whose key this is; raises :class:`NotATrustee`."""
        line = key_text(key)
        for number, trustee in enumerate(self.trustees, 1):
            if trustee.key == line:
                return number
        raise NotATrustee(line)


def ceremony_digest(plan: Plan, certificates: Sequence[str]) -> str:
    """SHA-256 (hex) of the plan and the exact texts of the certificates; there are none yet when they are signed."""
    document = {**asdict(plan), "kind": _KIND, "certificates": list(certificates)}
    return hashlib.sha256(rfc8785.dumps(document)).hexdigest()
