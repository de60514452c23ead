"""A voter's receipt: the ballot service's signed word, and the ballot in the log that it is about.

1. The receipt bears the ballot service's signature (Ed25519 over the canonical JSON of its other fields).
2. The log has the ballot of this tracker in this election, accepted at the receipt's time, and ahead of the close
   marker of the receipt's partition. Partition and offset are places in the service's own log, which is not public.
3. Whether it counts, or a later ballot of the same credential has taken its place: by tracker, never more.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from evote_belenios.errors import BeleniosError
from evote_belenios.jsontext import Fields, load

from .canonical import canonical_json
from .elections import LoggedBallot, LoggedElections
from .findings import Finding, Outcome, Tie, Unusable

_TRACKER = re.compile(r"[A-Za-z0-9+/]{43}", re.ASCII)
_KEY_BYTES = 32


@dataclass(frozen=True)
class Receipt:
    """A receipt whose form is right; :func:`tie_signature` tells whether the service signed it."""

    election_uuid: str
    tracker: str
    partition: int
    offset: int
    accepted_at: str
    signature: bytes

    @property
    def signed_bytes(self) -> bytes:
        """What the service signs."""
        return canonical_json(
            {
                "election_uuid": self.election_uuid,
                "tracker": self.tracker,
                "position": {"partition": self.partition, "offset": self.offset},
                "accepted_at": self.accepted_at,
            }
        )


def parse_receipt(content: bytes) -> Receipt:
    """Read a receipt, as the ballot service answered it; raises :class:`Unusable`."""
    try:
        fields = Fields(load(content.decode()), "the receipt")
        position = Fields(fields.value("position"), "position")
        receipt = Receipt(
            fields.text("election_uuid"),
            fields.text("tracker"),
            position.integer("partition"),
            position.integer("offset"),
            fields.text("accepted_at"),
            base64.b64decode(fields.text("signature"), validate=True),
        )
        position.end()
        fields.end()
    except BeleniosError as error:
        raise Unusable(f"not a receipt: {error.detail}") from None
    except (UnicodeDecodeError, binascii.Error, ValueError):
        raise Unusable("not a receipt: it is not UTF-8, or its signature is not base64") from None
    if not _TRACKER.fullmatch(receipt.tracker):
        raise Unusable("not a receipt: its tracker is not the base64 of a SHA-256")
    return receipt


def parse_receipt_key(content: bytes) -> Ed25519PublicKey:
    """Read the service's key: the answer of its ``/receipt-key``, or the base64 in it; raises :class:`Unusable`."""
    try:
        text = content.decode().strip()
        if text.startswith("{"):
            fields = Fields(load(text), "the receipt key")
            algorithm, text = fields.text("algorithm"), fields.text("public_key")
            fields.end()
            if algorithm != "Ed25519":
                raise Unusable("not a receipt key: only Ed25519 is known")
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except BeleniosError as error:
        raise Unusable(f"not a receipt key: {error.detail}") from None
    except (UnicodeDecodeError, ValueError):
        raise Unusable(
            f"not a receipt key: neither the JSON of /receipt-key nor base64 of {_KEY_BYTES} bytes"
        ) from None


def tie_signature(receipt: Receipt, key: Ed25519PublicKey | None) -> Finding:
    """Step 1."""
    if key is None:
        return Finding(Tie.RECEIPT_SERVICE, Outcome.NOT_CHECKED, ("give --receipt-key (the service's /receipt-key)",))
    try:
        key.verify(receipt.signature, receipt.signed_bytes)
    except InvalidSignature:
        return Finding(
            Tie.RECEIPT_SERVICE, Outcome.FAILS, ("the signature is not the service's, or not of this receipt",)
        )
    return Finding(Tie.RECEIPT_SERVICE, Outcome.HOLDS, (f"signed; accepted at {receipt.accepted_at}",))


def find_ballot(receipt: Receipt, logged: LoggedElections) -> LoggedBallot | None:
    """The ballot that a receipt is about."""
    election = logged.by_uuid.get(receipt.election_uuid)
    if election is None:
        return None
    return next((ballot for ballot in election.ballots if ballot.tracker == receipt.tracker), None)


def tie_to_log(receipt: Receipt, logged: LoggedElections, size: int) -> Finding:
    """Steps 2 and 3, in a log of ``size`` records that was read."""
    ballot = find_ballot(receipt, logged)
    if ballot is None:
        return Finding(
            Tie.RECEIPT_LOG,
            Outcome.FAILS,
            (
                f"the log of {size} records has no ballot {receipt.tracker} of election {receipt.election_uuid}",
                "a signed receipt whose ballot is missing a minute after it was accepted is evidence: publish it",
            ),
        )
    faults = misplaced(receipt, ballot, logged)
    if faults:
        return Finding(Tie.RECEIPT_LOG, Outcome.FAILS, faults)
    election = logged.by_uuid[receipt.election_uuid]
    last = [other for other in election.ballots if other.credential == ballot.credential][-1]
    counts = "it counts" if election.box_closed_at is not None else "it counts unless a later ballot takes its place"
    standing = counts if last == ballot else f"superseded by {last.tracker} at log index {last.index}"
    return Finding(Tie.RECEIPT_LOG, Outcome.HOLDS, (f"the ballot is record {ballot.index} of {size}", standing))


def misplaced(receipt: Receipt, ballot: LoggedBallot, logged: LoggedElections) -> tuple[str, ...]:
    """What the receipt says otherwise than the log."""
    faults = []
    if receipt.accepted_at != ballot.time:
        faults.append(
            f"accepted at {receipt.accepted_at} by the receipt, at {ballot.time} by the log's record {ballot.index}"
        )
    marker = logged.by_uuid[receipt.election_uuid].markers.get(receipt.partition)
    if marker is not None and marker < ballot.index:
        faults.append(
            f"record {ballot.index} stands behind the close marker of the receipt's partition, record {marker}"
        )
    return tuple(faults)
