"""The log's records, read without the code that wrote them.

A record is a CloudEvents 1.0 event in canonical JSON. What this reader does not know, a type, a version or a field, it
refuses: what a record means must not depend on who reads it. Source: ``docs/events/``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from evote_belenios.election import Question
from evote_belenios.errors import BeleniosError
from evote_belenios.jsontext import Fields, Json, load
from evote_ceremony.messages import Step
from evote_ceremony.plan import Plan, PlannedTrustee
from evote_statements.keys import KeyMistyped, parse_key

from .canonical import canonical_json

_TYPE = "jp.tsukuba.evote."
_UUID = re.compile(r"[1-9A-HJ-NP-Za-km-z]{14,64}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z", re.ASCII)
_SHOWABLE_TYPE = re.compile(r"[A-Za-z0-9.-]{1,100}", re.ASCII)
_EXPONENT = re.compile(r"0|[1-9][0-9]{0,77}", re.ASCII)
_LARGEST = 2**53 - 1


class MalformedRecord(Exception):
    """A record is not an event that belongs into the public log. Field: ``reason``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class SignedCommand:
    """What officers signed for an event: the exact body of their request, and each one's statement."""

    body: str
    statements: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ElectionDrafted:
    """The election is written down."""

    election_uuid: str
    plan: Plan
    command: SignedCommand | None = None


@dataclass(frozen=True, slots=True)
class RollFrozen:
    """The list of public credentials is fixed by its hash."""

    election_uuid: str
    roll_size: int
    credentials_sha256: str
    command: SignedCommand | None = None


@dataclass(frozen=True, slots=True)
class ElectionAbandoned:
    """The officers give the election up; it is never opened."""

    election_uuid: str
    command: SignedCommand | None = None


@dataclass(frozen=True, slots=True)
class ElectionOpened:
    """The exact texts of the election."""

    election_uuid: str
    election_json: str
    trustees_json: str
    credentials_sha256: str
    command: SignedCommand | None = None


@dataclass(frozen=True, slots=True)
class ElectionClosed:
    """No ballot is taken any more."""

    election_uuid: str
    reason: str
    command: SignedCommand | None = None

    @property
    def by_itself(self) -> bool:
        """Whether it is said to be closed at its closing time; any other word than this one needs officers."""
        return self.reason == "closing-time"


@dataclass(frozen=True, slots=True)
class ResultCertified:
    """The officers certify the archive of this hash."""

    election_uuid: str
    archive_sha256: str
    command: SignedCommand | None = None


@dataclass(frozen=True, slots=True)
class CredentialsPublished:
    """One of the ``parts`` parts of the list of public credentials."""

    election_uuid: str
    part: int
    parts: int
    credentials: tuple[str, ...]
    credentials_sha256: str
    command: SignedCommand | None = None


@dataclass(frozen=True, slots=True)
class OrderSignature:
    """The numbers of an order statement's signature, as they stand in the record."""

    challenge: str
    response: str


@dataclass(frozen=True, slots=True)
class BallotOrder:
    """The order statement: the voter's own word on which ballot came after which."""

    number: int
    signature: OrderSignature


@dataclass(frozen=True, slots=True)
class BallotAccepted:
    """A ballot's exact text, the credential and tracker that the intake gives for it, and the voter's statement."""

    election_uuid: str
    credential: str
    tracker: str
    ballot: str
    order: BallotOrder


@dataclass(frozen=True, slots=True)
class BallotBoxClosed:
    """The close marker of one of the ``partitions`` partitions."""

    election_uuid: str
    partition: int
    partitions: int


@dataclass(frozen=True, slots=True)
class CeremonyMessage:
    """A trustee's message of the key ceremony: its exact text, and the signed statement about it."""

    election_uuid: str
    trustee: int
    step: Step
    text: str
    statement: str


@dataclass(frozen=True, slots=True)
class TrusteeKeyRenewed:
    """Officers put another key in the place of a trustee's; ``number`` counts the renewals of this trustee."""

    election_uuid: str
    trustee: int
    number: int
    key: str
    command: SignedCommand | None = None


@dataclass(frozen=True, slots=True)
class SetupConfirmed:
    """A trustee's signed statement about the texts that the election opens with."""

    election_uuid: str
    trustee: int
    statement: str


@dataclass(frozen=True, slots=True)
class EncryptedTallyComputed:
    """The product of the ballots that count, computed from the first ``log_size`` records."""

    election_uuid: str
    sized_encrypted_tally: str
    encrypted_tally: str
    log_size: int


@dataclass(frozen=True, slots=True)
class PartialDecryptionReceived:
    """A trustee's partial decryption."""

    election_uuid: str
    trustee: int
    partial_decryption: str
    statement: str


@dataclass(frozen=True, slots=True)
class ResultComputed:
    """The election's result."""

    election_uuid: str
    result: str


Event = (
    ElectionDrafted
    | RollFrozen
    | ElectionAbandoned
    | ElectionOpened
    | ElectionClosed
    | ResultCertified
    | CredentialsPublished
    | BallotAccepted
    | BallotBoxClosed
    | CeremonyMessage
    | TrusteeKeyRenewed
    | SetupConfirmed
    | EncryptedTallyComputed
    | PartialDecryptionReceived
    | ResultComputed
)


@dataclass(frozen=True, slots=True)
class Record:
    """An event, and when its service wrote it (RFC 3339 UTC with milliseconds, as it stands in the record)."""

    time: str
    event: Event


def parse_record(value: bytes) -> Record:
    """Read a record strictly; raises :class:`MalformedRecord` for anything but a known public event."""
    try:
        return _record(value)
    except BeleniosError as error:
        raise MalformedRecord(error.detail) from None
    except UnicodeDecodeError:
        raise MalformedRecord("it is not UTF-8 text") from None


def _record(value: bytes) -> Record:
    fields = Fields(content := load(value.decode()), "the event")
    if canonical_json(content) != value:
        raise MalformedRecord("it is not the canonical JSON (RFC 8785) of its content")
    if b"\\u0000" in value and _holds_nul(content):
        raise MalformedRecord("a text holds the character NUL")
    if fields.text("specversion") != "1.0" or fields.text("datacontenttype") != "application/json":
        raise MalformedRecord("it is not a CloudEvents 1.0 event with JSON data")
    if not fields.text("id") or not fields.text("source"):
        raise MalformedRecord("the event has no id or no source")
    kind, time = fields.text("type"), _time(fields.text("time"))
    data = Fields(fields.value("data"), "data")
    fields.end()
    parse = _PARSERS.get(kind.removeprefix(_TYPE)) if kind.startswith(_TYPE) else None
    if parse is None:
        shown = kind if _SHOWABLE_TYPE.fullmatch(kind) else "(unprintable)"
        raise MalformedRecord(
            f"events of the type {shown} don't belong into the public log, or are newer than this program"
        )
    event = parse(data)
    data.end()
    return Record(time, event)


def _holds_nul(content: Json) -> bool:
    if isinstance(content, str):
        return "\0" in content
    if isinstance(content, Mapping):
        return any(_holds_nul(name) or _holds_nul(value) for name, value in content.items())
    return isinstance(content, Sequence) and any(_holds_nul(item) for item in content)


def _time(text: str) -> str:
    try:
        if _TIME.fullmatch(text):
            datetime.fromisoformat(text)
            return text
    except ValueError:
        pass
    raise MalformedRecord("its time is not an RFC 3339 UTC time with milliseconds")


def _uuid(data: Fields) -> str:
    text = data.text("election_uuid")
    if not _UUID.fullmatch(text):
        raise MalformedRecord("election_uuid is not an election's identifier")
    return text


def _sha256(data: Fields, name: str) -> str:
    text = data.text(name)
    if not _SHA256.fullmatch(text):
        raise MalformedRecord(f"{name} is not a SHA-256 in hexadecimal")
    return text


def _count(data: Fields, name: str) -> int:
    number = data.integer(name)
    if not 0 <= number <= _LARGEST:
        raise MalformedRecord(f"{name} is out of range")
    return number


def _drafted(data: Fields) -> Event:
    plan = Plan(
        election_uuid=_uuid(data),
        name=data.text("name"),
        description=data.text("description"),
        group_name=data.text("group"),
        administrator=data.text("administrator"),
        questions=tuple(_question(value) for value in data.array("questions")),
        trustees=tuple(_trustee(value) for value in data.array("trustees")),
        threshold=_count(data, "threshold"),
        opens_at=data.text("opens_at"),
        closes_at=data.text("closes_at"),
    )
    return ElectionDrafted(plan.election_uuid, plan, _command(data))


def _command(data: Fields) -> SignedCommand | None:
    """Absent before officers signed, null where nobody commanded it."""
    value = data.value("command") if data.has("command") else None
    if value is None:
        return None
    fields = Fields(value, "command")
    command = SignedCommand(fields.text("body"), fields.texts("statements"))
    fields.end()
    return command


def _question(value: Json) -> Question:
    fields = Fields(value, "a question")
    question = Question(
        question=fields.text("question"),
        answers=fields.texts("answers"),
        blank=fields.boolean("blank"),
        min=fields.integer("min"),
        max=fields.integer("max"),
    )
    fields.end()
    return question


def _trustee(value: Json) -> PlannedTrustee:
    fields = Fields(value, "a trustee")
    trustee = PlannedTrustee(fields.text("name"), fields.text("key"))
    fields.end()
    return trustee


def _frozen(data: Fields) -> Event:
    return RollFrozen(_uuid(data), _count(data, "roll_size"), _sha256(data, "credentials_sha256"), _command(data))


def _abandoned(data: Fields) -> Event:
    return ElectionAbandoned(_uuid(data), _command(data))


def _opened(data: Fields) -> Event:
    for name in ("opens_at", "closes_at"):
        data.text(name)
    return ElectionOpened(
        _uuid(data),
        data.text("election_json"),
        data.text("trustees_json"),
        _sha256(data, "credentials_sha256"),
        _command(data),
    )


def _closed(data: Fields) -> Event:
    return ElectionClosed(_uuid(data), data.text("reason"), _command(data))


def _certified(data: Fields) -> Event:
    return ResultCertified(_uuid(data), _sha256(data, "archive_sha256"), _command(data))


def _credentials(data: Fields) -> Event:
    return CredentialsPublished(
        _uuid(data),
        _count(data, "part"),
        _count(data, "parts"),
        data.texts("credentials"),
        _sha256(data, "credentials_sha256"),
        _command(data),
    )


def _ballot(data: Fields) -> Event:
    order = Fields(data.value("order"), "order")
    signature = Fields(order.value("signature"), "signature")
    number, challenge, response = (
        order.integer("number"),
        _exponent(signature, "challenge"),
        _exponent(signature, "response"),
    )
    order.end()
    signature.end()
    if not 1 <= number <= _LARGEST:
        raise MalformedRecord("the order's number is out of range")
    return BallotAccepted(
        _uuid(data),
        data.text("credential"),
        data.text("tracker"),
        data.text("ballot"),
        BallotOrder(number, OrderSignature(challenge, response)),
    )


def _exponent(fields: Fields, name: str) -> str:
    text = fields.text(name)
    if not _EXPONENT.fullmatch(text):
        raise MalformedRecord(f"{name} is not a number in decimal")
    return text


def _box_closed(data: Fields) -> Event:
    return BallotBoxClosed(_uuid(data), _count(data, "partition"), _count(data, "partitions"))


def _ceremony(step: Step) -> Callable[[Fields], Event]:
    def parse(data: Fields) -> Event:
        trustee, text, statement = _count(data, "trustee"), data.text(step), data.text("statement")
        return CeremonyMessage(_uuid(data), trustee, step, text, statement)

    return parse


def _renewed(data: Fields) -> Event:
    trustee, number = _count(data, "trustee"), _count(data, "number")
    key = data.text("key")
    try:
        parse_key(key)
    except KeyMistyped:
        raise MalformedRecord("key is no key's line") from None
    return TrusteeKeyRenewed(_uuid(data), trustee, number, key, _command(data))


def _confirmation(data: Fields) -> Event:
    return SetupConfirmed(_uuid(data), _count(data, "trustee"), data.text("statement"))


def _tally(data: Fields) -> Event:
    sized, tally = data.text("sized_encrypted_tally"), data.text("encrypted_tally")
    return EncryptedTallyComputed(_uuid(data), sized, tally, _count(data, "log_size"))


def _decryption(data: Fields) -> Event:
    text, statement = data.text("partial_decryption"), data.text("statement")
    return PartialDecryptionReceived(_uuid(data), _count(data, "trustee"), text, statement)


def _result(data: Fields) -> Event:
    return ResultComputed(_uuid(data), data.text("result"))


_PARSERS: Final[dict[str, Callable[[Fields], Event]]] = {
    "elections.ElectionDrafted.v2": _drafted,
    "elections.RollFrozen.v1": _frozen,
    "elections.ElectionAbandoned.v1": _abandoned,
    "elections.ElectionOpened.v1": _opened,
    "elections.ElectionClosed.v1": _closed,
    "elections.ResultCertified.v1": _certified,
    "identity.CredentialsPublished.v1": _credentials,
    "ballots.BallotAccepted.v2": _ballot,
    "ballots.BallotBoxClosed.v1": _box_closed,
    "tally.CertificateReceived.v2": _ceremony(Step.CERTIFICATE),
    "tally.TrusteeKeyRenewed.v1": _renewed,
    "tally.PolynomialCommitted.v2": _ceremony(Step.COMMITMENT),
    "tally.PolynomialReceived.v2": _ceremony(Step.POLYNOMIAL),
    "tally.VoutputReceived.v2": _ceremony(Step.VOUTPUT),
    "tally.SetupConfirmed.v1": _confirmation,
    "tally.EncryptedTallyComputed.v1": _tally,
    "tally.PartialDecryptionReceived.v2": _decryption,
    "tally.ResultComputed.v1": _result,
}
"""The events that the sequencer takes into the log: of ``identity`` only the public credentials."""
