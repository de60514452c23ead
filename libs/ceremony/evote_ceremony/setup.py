"""The final texts of an election, as they follow from its plan, its ceremony and its roll.

tally makes them to open the election, each trustee's program to confirm them, the auditor's program to compare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evote_belenios import threshold
from evote_belenios.election import election_json
from evote_belenios.errors import TrusteeError
from evote_belenios.trustees import parse_trustees, trustees_json

from .plan import Plan

CREDENTIAL_AUTHORITY = "evote-auth"
"""Who issued the credentials, as ``election.json`` names it."""


@dataclass(frozen=True)
class Setup:
    """What an election opens with: exact texts, and the SHA-256 (hex) of its public credentials."""

    election_json: str
    trustees_json: str
    credentials_sha256: str


@dataclass(frozen=True)
class CeremonyTexts:
    """Everybody's messages of a complete ceremony, each step in the trustees' order."""

    certificates: Sequence[str]
    commitments: Sequence[str]
    polynomials: Sequence[str]
    voutputs: Sequence[str]


def make_setup(plan: Plan, texts: CeremonyTexts, credentials_sha256: str) -> Setup:
    """Check all messages again, and make the texts.

    Raises:
        BeleniosError: the messages don't make a ceremony of this plan, or the plan no election.
    """
    size = len(plan.trustees)
    if {len(texts.certificates), len(texts.commitments), len(texts.polynomials), len(texts.voutputs)} != {size}:
        raise TrusteeError("ceremony-incomplete", "Trustees", f"not one message of each step for each of {size}")
    for index, (committed, text) in enumerate(zip(texts.commitments, texts.polynomials, strict=True), 1):
        threshold.check_commitment(committed, text, index=index)
    group = plan.group
    parameters = threshold.threshold_parameters(
        group, texts.certificates, plan.threshold, texts.polynomials, texts.voutputs
    )
    trustees = trustees_json((), (parameters,))
    election = election_json(
        group=group,
        uuid=plan.election_uuid,
        name=plan.name,
        description=plan.description,
        questions=plan.questions,
        public_key=group.encode(parse_trustees(trustees, group).public_key),
        administrator=plan.administrator,
        credential_authority=CREDENTIAL_AUTHORITY,
    )
    return Setup(election, trustees, credentials_sha256)
