"""What officers send and read about cards."""

from __future__ import annotations

from typing import Annotated, Literal

from evote_platform.text import PlainText
from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

VoterIdPath = Annotated[str, Path(min_length=1, max_length=64, description="The voter's number on the roll.")]


class ApproveCard(BaseModel):
    """The card is this voter's."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["approve"]
    voter_id: Annotated[PlainText, Field(min_length=1, max_length=64)]


class RefuseCard(BaseModel):
    """The card is none of the candidates'."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["refuse"]


DecisionRequest = Annotated[ApproveCard | RefuseCard, Field(discriminator="decision")]


class CaseDecided(BaseModel):
    """The decision that stands."""

    reception_number: str
    approved: bool
    decided_by: str
    decided_at: str


class PersonResponse(BaseModel):
    """The four basic attributes."""

    name: str
    address: str
    birth_date: str
    sex: str
    """1 男, 2 女, 3 不明."""


class CandidateResponse(PersonResponse):
    """A voter that comes into question, as the roll has them."""

    voter_id: str


class CaseResponse(BaseModel):
    """A card that waits for an officer."""

    reception_number: str
    kind: Literal["match", "card"]
    """``match``: who of the candidates is this? ``card``: may this card take the place of the candidate's other one?"""
    opened_at: str
    card: PersonResponse
    candidates: list[CandidateResponse]


class PendingCasesResponse(BaseModel):
    """The oldest cases, and how many wait in all."""

    cases: list[CaseResponse]
    pending: int


class CardBlockResponse(BaseModel):
    """The block that stands."""

    voter_id: str
    blocked_by: str
    blocked_at: str
