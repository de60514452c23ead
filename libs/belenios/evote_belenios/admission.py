"""Which recorded ballots are admitted to the log, and in which order they count: the rule that every reader applies.

A ballot service records casts, and whoever has got hold of one replica can have anything recorded. So a record is a
claim. Each reader decides about it by what was admitted before it, and by nothing else:

1. its tracker is its ballot's hash (``order-tracker``), and the ballot begins with the record's election and credential
   (``order-ballot``);
2. no ballot of this tracker was admitted before (``order-duplicate``): the first position stands, so that posting an
   old ballot again can't undo a newer one;
3. the box was not closed before it (``order-after-close``);
4. its number is above the last admitted one of its credential (``order-older``): who withheld a ballot can't bring it
   after a newer one;
5. the credential signed number and tracker (``order-signature``): nobody takes up numbers for another.

Proofs and the list of credentials are not asked here: that is :mod:`evote_belenios.box`, and costs thirty times as
much. All of it concerns one credential alone, so readers of the whole log and of one partition decide alike.

Rules 1 and 5 are about a record by itself: of many they are asked at once (:func:`examine_casts`), before it is known
what stands before each, and beside whatever else a process does.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from . import native
from .ballots import claims_of
from .digests import Digests, LastNumbers
from .errors import BallotError, BeleniosError, OrderError
from .groups import group_of_element
from .jsontext import parse_exponent
from .order import SECTION, OrderStatement, verify_order
from .proofs import Proof

TRACKER: Final = "order-tracker"
DUPLICATE: Final = "order-duplicate"
AFTER_CLOSE: Final = "order-after-close"
OLDER: Final = "order-older"
BALLOT: Final = "order-ballot"


class WrittenSignature(Protocol):
    """A signature's numbers in decimal, as they are recorded."""

    @property
    def challenge(self) -> str: ...

    @property
    def response(self) -> str: ...


class WrittenOrder(Protocol):
    """An order statement, as it is recorded."""

    @property
    def number(self) -> int: ...

    @property
    def signature(self) -> WrittenSignature: ...


class RecordedCast(Protocol):
    """A record of a cast: every event ``BallotAccepted``, whoever's class it is."""

    @property
    def election_uuid(self) -> str: ...

    @property
    def credential(self) -> str: ...

    @property
    def tracker(self) -> str: ...

    @property
    def ballot(self) -> str: ...

    @property
    def order(self) -> WrittenOrder: ...


@dataclass(frozen=True, slots=True)
class ExaminedCast:
    """A record, and what it says by itself."""

    cast: RecordedCast
    digest: bytes | OrderError
    """SHA-256 of the ballot's text, or what rule 1 has against the record."""
    unsigned: BeleniosError | None
    """What rule 5 has against it; None also where rule 1 has something."""


def examine_cast(cast: RecordedCast) -> ExaminedCast:
    """Rules 1 and 5 for one record. A statement that was verified a moment ago is not verified again."""
    return _examined(cast, _digest_or_refusal(cast), is_signed=False)


def examine_casts(casts: Sequence[RecordedCast]) -> list[ExaminedCast]:
    """:func:`examine_cast` for many; the compiled core does it in two calls, beside which other threads run."""
    if (core := native.core) is None:
        return [examine_cast(cast) for cast in casts]
    signed = core.orders_signed([_order_of(cast) for cast in casts])
    return [_examined(*one) for one in zip(casts, _digests(core, casts), signed, strict=True)]


def verify_order_of(cast: RecordedCast) -> None:
    """Rule 5 for one cast, by one call of the compiled core where that finds it signed.

    Raises ``OrderError`` (``order-signature``, ``order-number``), or ``EncodingError`` for malformed numbers.
    """
    if native.core is None or native.core.orders_signed([_order_of(cast)]) != [True]:
        _verify_by_reference(cast)


def ballot_digests(casts: Sequence[RecordedCast]) -> list[bytes | OrderError]:
    """:func:`ballot_digest` of many, or what rule 1 has against each."""
    return [_digest_or_refusal(cast) for cast in casts] if native.core is None else _digests(native.core, casts)


def _digests(core: native.Core, casts: Sequence[RecordedCast]) -> list[bytes | OrderError]:
    found = core.ballot_digests([(cast.election_uuid, cast.credential, cast.tracker, cast.ballot) for cast in casts])
    return [_digest_or_refusal(cast) if digest is None else digest for cast, digest in zip(casts, found, strict=True)]


def _order_of(cast: RecordedCast) -> tuple[str, str, str, int, str, str]:
    order = cast.order
    signature = order.signature
    return cast.election_uuid, cast.credential, cast.tracker, order.number, signature.challenge, signature.response


def _digest_or_refusal(cast: RecordedCast) -> bytes | OrderError:
    try:
        return ballot_digest(cast)
    except OrderError as refusal:
        return refusal


def _examined(cast: RecordedCast, digest: bytes | OrderError, is_signed: bool) -> ExaminedCast:
    unsigned = None
    # What the core doesn't find signed may be of another group; and where it is not, this names what is wrong.
    if not is_signed and isinstance(digest, bytes):
        try:
            _verify_by_reference(cast)
        except BeleniosError as refusal:
            unsigned = refusal
    return ExaminedCast(cast, digest, unsigned)


def _verify_by_reference(cast: RecordedCast) -> None:
    verify_order(read_order(cast), election_uuid=cast.election_uuid, tracker=cast.tracker, credential=cast.credential)


@dataclass
class Admissions:
    """The ballots of one election that were admitted so far; :meth:`admit` decides about the next record.

    It grows by a digest a ballot and a number a credential, some 100 bytes. A reader that keeps them in a database
    gives what it holds about the record's credential and tracker.
    """

    digests: Digests = field(default_factory=Digests)
    """SHA-256 of the text of every admitted ballot."""
    last_numbers: LastNumbers = field(default_factory=LastNumbers)
    """By credential, the number of its last admitted ballot."""

    def admit(self, examined: ExaminedCast, *, box_closed: bool) -> None:
        """Admit the next record of a credential, or raise ``OrderError``, or ``EncodingError`` for malformed numbers.

        ``box_closed``: the close marker of the record's partition stands before it.
        """
        cast, digest = examined.cast, examined.digest
        if isinstance(digest, OrderError):
            raise digest
        if digest in self.digests:
            raise _refusal(DUPLICATE, "the same ballot was cast before: its first position stands")
        if box_closed:
            raise _refusal(AFTER_CLOSE, "the box was closed before it")
        last = self.last_numbers.get(cast.credential) or 0
        if cast.order.number <= last:
            raise _refusal(OLDER, f"number {cast.order.number} is not above {last}, the last of its credential")
        if examined.unsigned is not None:
            raise examined.unsigned
        self.digests.add(digest)
        self.last_numbers.put(cast.credential, cast.order.number)

    def readmit(self, cast: RecordedCast) -> None:
        """Put back a record that was admitted before, in the same place behind the same records."""
        self.digests.add(hashlib.sha256(cast.ballot.encode()).digest())
        self.last_numbers.put(cast.credential, cast.order.number)


def ballot_digest(cast: RecordedCast) -> bytes:
    """SHA-256 of the ballot's text, when the record says of it what it says itself.

    Raises ``OrderError``: ``order-tracker``, ``order-ballot``. Such a record can't be admitted, whatever came before.
    """
    digest = hashlib.sha256(cast.ballot.encode()).digest()
    if cast.tracker != base64.b64encode(digest).decode("ascii").rstrip("="):
        raise _refusal(TRACKER, "the tracker is not the hash of the ballot's text")
    try:
        claims = claims_of(cast.ballot)
    except BallotError as error:
        raise _refusal(BALLOT, error.detail) from None
    if claims != (cast.election_uuid, cast.credential):
        raise _refusal(BALLOT, "the ballot is of another election or credential than its record says")
    return digest


def read_order(cast: RecordedCast) -> OrderStatement:
    """The statement of a record; raises ``EncodingError`` unless its numbers are canonical."""
    order, signature = group_of_element(cast.credential).order, cast.order.signature
    return OrderStatement(
        cast.order.number,
        Proof(
            parse_exponent(signature.challenge, order, "order.signature.challenge"),
            parse_exponent(signature.response, order, "order.signature.response"),
        ),
    )


def _refusal(rule: str, detail: str) -> OrderError:
    return OrderError(rule, SECTION, detail)
