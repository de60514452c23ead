"""The order statement: by which the voter, and nobody who carries or withholds ballots, says in which order they came.

Belenios lets the ballot box decide which of a credential's ballots is the last. Whoever keeps a ballot back can put it
in later, over a newer one. So each cast carries a number, signed together with the election and the ballot's tracker by
the credential's key: a Schnorr signature in the election's group, like the ballot's own (specification, "Signatures"),
under a domain of its own. It is not Belenios'; see this library's README, "Order of a voter's ballots".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .credentials import secret_exponent
from .errors import OrderError
from .groups import Group, Random, group_of_element
from .jsontext import Fields, Json
from .proofs import Proof, knowledge_holds, parse_proof, prove_knowledge

DOMAIN: Final = "evote-order"
"""What the challenge's text begins with. Belenios' own begin with ``sig``, ``prove``, ``bproof0``, ``bproof1``,
``decrypt``, ``pok``, ``sigmsg`` or ``raweg``: no signature of one kind is one of another."""

LARGEST_NUMBER: Final = 2**53 - 1
"""The largest integer that every JSON reader, a browser's too, reads exactly."""

SECTION: Final = "Order of a voter's ballots"
_TRACKER = re.compile(r"[A-Za-z0-9+/]{43}", re.ASCII)


@dataclass(frozen=True)
class OrderStatement:
    """The ``number``, from 1, of a ballot among those of its credential, signed by that credential."""

    number: int
    signature: Proof

    def to_json(self) -> Json:
        """As it is posted and logged."""
        return {"number": self.number, "signature": self.signature.to_json()}


def sign_order(
    credential: str, election_uuid: str, group: Group, tracker: str, number: int, random: Random
) -> OrderStatement:
    """Sign on the voter's device.

    Args:
        credential: the private credential.
        tracker: the smart ballot tracker of the ballot that is cast.
        number: 1 for a device that knows of no earlier ballot; otherwise one above the last that is in the log.

    Raises:
        OrderError: ``order-number``, outside 1 to :data:`LARGEST_NUMBER`.
        CredentialError: the credential is malformed.
        ValueError: the tracker is not one.
    """
    if not _TRACKER.fullmatch(tracker):
        raise ValueError("a tracker is the unpadded base64 of a SHA-256")
    check_number(number)
    secret = secret_exponent(credential, election_uuid, group)
    public = group.encode(group.secret_power_generator(secret))
    signature = prove_knowledge(group, secret, _prefix(election_uuid, tracker, number, public), random)
    return OrderStatement(number, signature)


def parse_order(value: Json, group: Group) -> OrderStatement:
    """Read a statement strictly, without checking the signature.

    Raises ``EncodingError`` for what is not canonical, ``OrderError`` (``order-number``).
    """
    fields = Fields(value, "order")
    number = fields.integer("number")
    signature = parse_proof(fields.value("signature"), group.order, "order.signature")
    fields.end()
    check_number(number)
    return OrderStatement(number, signature)


# What was signed stays signed: a ballot service asks of each ballot, of its record, and of what it projects.
# Refusals are not kept.
@lru_cache(maxsize=256)
def verify_order(statement: OrderStatement, *, election_uuid: str, tracker: str, credential: str) -> None:
    """The public ``credential`` signed this number for this ballot; raises ``OrderError`` (``order-signature``).

    The group is the one whose elements are written as the credential is: an order can be judged by whoever reads a
    ballot's record, without the election. ``EncodingError`` when the credential is no element.
    """
    check_number(statement.number)
    group = group_of_element(credential)
    prefix = _prefix(election_uuid, tracker, statement.number, credential)
    if not knowledge_holds(group, group.decode(credential), prefix, statement.signature):
        raise OrderError("order-signature", SECTION, "the credential did not sign this number for this ballot")


def check_number(number: int) -> None:
    """Raise ``OrderError`` (``order-number``) outside 1 to :data:`LARGEST_NUMBER`."""
    if not 1 <= number <= LARGEST_NUMBER:
        raise OrderError("order-number", SECTION, f"a number is between 1 and {LARGEST_NUMBER}")


def _prefix(election_uuid: str, tracker: str, number: int, credential: str) -> str:
    # No part can hold a "|": the text says one thing only.
    return f"{DOMAIN}|{election_uuid}|{tracker}|{number}|{credential}|"
