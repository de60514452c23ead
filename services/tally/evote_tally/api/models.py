"""Request and response bodies."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from evote_ceremony.plan import PlannedTrustee
from evote_eventlog.events import (
    CertificateReceived,
    DraftQuestion,
    GroupName,
    PartialDecryptionReceived,
    PolynomialCommitted,
    PolynomialReceived,
    SetupConfirmed,
    Sha256Hex,
    VoutputReceived,
)
from evote_platform.clock import parse_rfc3339
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from ..domain.drafting import MAX_ANSWERS, MAX_QUESTIONS, MAX_TRUSTEES, DraftOrder
from ..domain.election import stage_of
from ..domain.facts import FactKey, renewals_of
from ..store import ElectionOverview

MAX_ROLL = 10_000_000
_LONGEST_INSTANT = 40


class Body(BaseModel):
    """A JSON body: immutable, closed to unknown fields, without conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _instant(value: object) -> datetime:
    try:
        if isinstance(value, str) and len(value) <= _LONGEST_INSTANT:
            return parse_rfc3339(value)
    except ValueError:
        pass
    raise PydanticCustomError("instant", "must be an RFC 3339 date and time, such as 2027-01-31T07:00:00+09:00")


Instant = Annotated[datetime, BeforeValidator(_instant)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class QuestionModel(Body):
    """A homomorphic question (Belenios specification, "Questions")."""

    question: Annotated[str, Field(min_length=1, max_length=2000)]
    answers: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=500)], ...],
        Field(min_length=1, max_length=MAX_ANSWERS, strict=False),
    ]
    blank: bool
    min: Annotated[int, Field(ge=0, le=MAX_ANSWERS)]
    max: Annotated[int, Field(ge=1, le=MAX_ANSWERS)]

    def draft(self) -> DraftQuestion:
        """The event's form of the question."""
        return DraftQuestion(question=self.question, answers=self.answers, blank=self.blank, min=self.min, max=self.max)


class DraftedTrustee(Body):
    """A trustee, and the line that they handed over (``evote trustee keygen`` prints it)."""

    name: Name
    key: Annotated[str, Field(min_length=1, max_length=100)]


class DraftRequest(Body):
    """An election as the officer writes it down; instants are RFC 3339."""

    name: Name
    description: Annotated[str, Field(max_length=10_000)]
    group: GroupName
    administrator: Name
    questions: Annotated[tuple[QuestionModel, ...], Field(min_length=1, max_length=MAX_QUESTIONS, strict=False)]
    opens_at: Instant
    closes_at: Instant
    trustees: Annotated[tuple[DraftedTrustee, ...], Field(min_length=1, max_length=MAX_TRUSTEES, strict=False)]
    threshold: Annotated[int, Field(ge=1, le=MAX_TRUSTEES)]

    def order(self) -> DraftOrder:
        """The domain's form of the request."""
        return DraftOrder(
            name=self.name,
            description=self.description,
            group=self.group,
            administrator=self.administrator,
            questions=tuple(question.draft() for question in self.questions),
            trustees=tuple(PlannedTrustee(trustee.name, trustee.key.strip()) for trustee in self.trustees),
            threshold=self.threshold,
            opens_at=self.opens_at,
            closes_at=self.closes_at,
        )


class DraftResponse(Body):
    """The new election."""

    election_uuid: str


class RenewKeyRequest(Body):
    """The new line that the trustee handed over (``evote trustee keygen`` prints it)."""

    key: Annotated[str, Field(min_length=1, max_length=100)]


class FreezeRequest(Body):
    """How many voters the officer expects on the roll."""

    expected_size: Annotated[int, Field(ge=1, le=MAX_ROLL)]


class FreezeResponse(Body):
    """The frozen roll."""

    roll_size: int
    credentials_sha256: Sha256Hex


class CheckModel(Body):
    """One check of the preflight."""

    name: str
    ready: bool
    detail: str


class PreflightResponse(Body):
    """Whether the election may be opened, and why not."""

    ready: bool
    checks: tuple[CheckModel, ...]


class StateResponse(Body):
    """The stage after a command."""

    election_uuid: str
    state: str


class CertifyRequest(Body):
    """The archive that the officers have verified."""

    archive_sha256: Sha256Hex


class CertifyResponse(StateResponse):
    """The certified archive."""

    archive_sha256: Sha256Hex


class MessageRequest(Body):
    """A trustee's message (of a commitment, the SHA-256 in hexadecimal), and the signed statement about it."""

    message: str
    statement: str


class ConfirmationRequest(Body):
    """A trustee's signed statement about the final texts."""

    statement: str


class TrusteeProgress(Body):
    """Which messages of a trustee were received; ``drafted_key`` is the draft's, before any renewal of ``key``."""

    trustee: int
    name: str
    key: str
    drafted_key: str
    certificate: bool
    commitment: bool
    polynomial: bool
    voutput: bool
    confirmation: bool
    partial_decryption: bool


class ElectionResponse(Body):
    """What the public sees of an election."""

    election_uuid: str
    state: str
    name: str
    description: str
    group: str
    administrator: str
    questions: tuple[DraftQuestion, ...]
    opens_at: str
    closes_at: str
    threshold: int
    trustees: tuple[TrusteeProgress, ...]
    roll_size: int | None
    credentials_sha256: str | None
    opened_at: str | None
    closed_at: str | None
    close_reason: str | None
    certified_at: str | None
    abandoned_at: str | None
    archive_sha256: str | None


class ElectionListResponse(Body):
    """All elections, in the order of their drafting."""

    elections: tuple[ElectionResponse, ...]


class SignedCommandModel(Body):
    """What one or two officers signed: canonical JSON, of the kind ``tsukuba-evote officer command v1``."""

    statements: tuple[str, ...]


class CommandListResponse(Body):
    """The officers' commands that stand in the public log for an election."""

    commands: tuple[SignedCommandModel, ...]


def election_response(overview: ElectionOverview) -> ElectionResponse:
    """An overview in its public form."""
    draft, times = overview.draft, overview.times

    def received(kind: type, trustee: int) -> bool:
        return FactKey(kind.__name__, trustee) in times

    return ElectionResponse(
        election_uuid=draft.election_uuid,
        state=stage_of(times),
        name=draft.name,
        description=draft.description,
        group=draft.group,
        administrator=draft.administrator,
        questions=draft.questions,
        opens_at=draft.opens_at,
        closes_at=draft.closes_at,
        threshold=draft.threshold,
        trustees=tuple(
            TrusteeProgress(
                trustee=number,
                name=trustee.name,
                key=overview.keys.get(number, trustee.key),
                drafted_key=trustee.key,
                certificate=FactKey(CertificateReceived.__name__, number, renewals_of(number, times)) in times,
                commitment=received(PolynomialCommitted, number),
                polynomial=received(PolynomialReceived, number),
                voutput=received(VoutputReceived, number),
                confirmation=received(SetupConfirmed, number),
                partial_decryption=received(PartialDecryptionReceived, number),
            )
            for number, trustee in enumerate(draft.trustees, 1)
        ),
        roll_size=overview.roll.roll_size if overview.roll else None,
        credentials_sha256=overview.roll.credentials_sha256 if overview.roll else None,
        opened_at=times.get(FactKey("ElectionOpened")),
        closed_at=times.get(FactKey("ElectionClosed")),
        close_reason=overview.closed.reason if overview.closed else None,
        certified_at=times.get(FactKey("ResultCertified")),
        abandoned_at=times.get(FactKey("ElectionAbandoned")),
        archive_sha256=overview.certified.archive_sha256 if overview.certified else None,
    )
