"""The state of one election, folded from the events that stand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar, cast

from evote_belenios.election import Question
from evote_ceremony.plan import Plan, PlannedTrustee
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
    TrusteeKeyRenewed,
    VoutputReceived,
)

from .facts import Fact, FactKey, key_of, renewals_of
from .refusals import UnknownElection, UnknownTrustee, WrongStage

Data = TypeVar("Data", bound=ElectionEventData)


class Stage(StrEnum):
    """How far the election is; each stage includes the ones before it."""

    DRAFTED = "drafted"
    ROLL_FROZEN = "roll-frozen"
    OPEN = "open"
    CLOSED = "closed"
    TALLIED = "tallied"
    DECRYPTED = "decrypted"
    CERTIFIED = "certified"
    ABANDONED = "abandoned"
    """Given up before the opening: the last stage of an election that has no other."""


_STAGE_MARKS: tuple[tuple[type[ElectionEventData], Stage], ...] = (
    (ResultCertified, Stage.CERTIFIED),
    (ResultComputed, Stage.DECRYPTED),
    (EncryptedTallyComputed, Stage.TALLIED),
    (ElectionClosed, Stage.CLOSED),
    (ElectionOpened, Stage.OPEN),
    (ElectionAbandoned, Stage.ABANDONED),
    (RollFrozen, Stage.ROLL_FROZEN),
)


def stage_of(keys: Iterable[FactKey]) -> Stage:
    """The stage that the events of these keys make."""
    kinds = {key.kind for key in keys}
    return next((stage for mark, stage in _STAGE_MARKS if mark.__name__ in kinds), Stage.DRAFTED)


@dataclass(frozen=True)
class Election:
    """Everything that decisions look at; ``facts`` are the standing events in the log's order."""

    draft: ElectionDrafted
    facts: Mapping[FactKey, Fact]

    @property
    def uuid(self) -> str:
        """The election's identifier."""
        return self.draft.election_uuid

    @property
    def stage(self) -> Stage:
        """How far the election is."""
        return stage_of(self.facts)

    @property
    def plan(self) -> Plan:
        """The draft with the keys that count now, as trustees see it."""
        plan = self.drafted_plan
        for trustee, renewed in self.of_trustees(TrusteeKeyRenewed).items():
            plan = plan.with_key(trustee, renewed.key)
        return plan

    @property
    def drafted_plan(self) -> Plan:
        """The draft."""
        draft = self.draft
        return Plan(
            election_uuid=draft.election_uuid,
            name=draft.name,
            description=draft.description,
            group_name=draft.group,
            administrator=draft.administrator,
            questions=tuple(Question(q.question, q.answers, q.blank, q.min, q.max) for q in draft.questions),
            trustees=tuple(PlannedTrustee(trustee.name, trustee.key) for trustee in draft.trustees),
            threshold=draft.threshold,
            opens_at=draft.opens_at,
            closes_at=draft.closes_at,
        )

    @property
    def trustee_numbers(self) -> range:
        """The numbers of the trustees, from 1."""
        return range(1, len(self.draft.trustees) + 1)

    def fact(self, kind: type[Data]) -> Data | None:
        """The election's event of a kind that is no trustee's, if it happened."""
        fact = self.facts.get(FactKey(kind.__name__))
        return None if fact is None else cast(Data, fact.data)

    def time_of(self, kind: type[ElectionEventData]) -> str | None:
        """When the election's event of this kind happened (RFC 3339 UTC)."""
        fact = self.facts.get(FactKey(kind.__name__))
        return None if fact is None else fact.time

    def of_trustees(self, kind: type[Data]) -> dict[int, Data]:
        """The trustees' events of a kind by trustee number, in the log's order; of several the last one."""
        return {key.trustee: cast(Data, fact.data) for key, fact in self.facts.items() if key.kind == kind.__name__}

    @property
    def keys_so_far(self) -> frozenset[str]:
        """The line of every key that was a trustee's, the replaced ones too."""
        renewed = {fact.data.key for fact in self.facts.values() if isinstance(fact.data, TrusteeKeyRenewed)}
        return frozenset({trustee.key for trustee in self.draft.trustees} | renewed)

    @property
    def certificates(self) -> dict[int, str]:
        """The channel certificates received, by trustee; none that came before its trustee's key was renewed."""
        return {
            key.trustee: fact.data.certificate
            for key, fact in self.facts.items()
            if isinstance(fact.data, CertificateReceived) and key.renewal == renewals_of(key.trustee, self.facts)
        }

    @property
    def commitments(self) -> dict[int, str]:
        """The commitments to polynomial messages (SHA-256), by trustee."""
        return {i: e.commitment for i, e in self.of_trustees(PolynomialCommitted).items()}

    @property
    def polynomials(self) -> dict[int, str]:
        """The revealed polynomial messages, by trustee."""
        return {i: e.polynomial for i, e in self.of_trustees(PolynomialReceived).items()}

    @property
    def voutputs(self) -> dict[int, str]:
        """The verification keys with their proofs, by trustee."""
        return {i: e.voutput for i, e in self.of_trustees(VoutputReceived).items()}

    @property
    def partial_decryptions(self) -> dict[int, str]:
        """The partial decryptions by trustee, in the log's order, which is the archive's."""
        received = self.of_trustees(PartialDecryptionReceived)
        return {i: e.partial_decryption for i, e in received.items()}

    @property
    def opened(self) -> ElectionOpened:
        """The event that fixed the election; refused before the opening."""
        opened = self.fact(ElectionOpened)
        if opened is None:
            raise WrongStage(self.stage, tuple(stage for stage in Stage if stage not in _NEVER_OPENED))
        return opened

    def require_stage(self, *allowed: Stage) -> None:
        """Refuse unless the election is in one of these stages."""
        if self.stage not in allowed:
            raise WrongStage(self.stage, allowed)

    def require_not_abandoned(self) -> None:
        """Refuse an election that was given up."""
        if self.stage is Stage.ABANDONED:
            raise WrongStage(self.stage, tuple(stage for stage in Stage if stage is not Stage.ABANDONED))

    def require_trustee(self, trustee: int) -> None:
        """Refuse a trustee number that the election doesn't have."""
        if trustee not in self.trustee_numbers:
            raise UnknownTrustee(trustee)


_BEFORE_OPENING = (Stage.DRAFTED, Stage.ROLL_FROZEN)
_NEVER_OPENED = (*_BEFORE_OPENING, Stage.ABANDONED)


def election_from(election_uuid: str, facts: Iterable[Fact]) -> Election:
    """Fold the standing events of one election; each topic's events come in the log's order."""
    by_key: dict[FactKey, Fact] = {}
    for fact in facts:
        by_key[key_of(fact.data, by_key)] = fact
    draft = by_key.get(FactKey(ElectionDrafted.__name__))
    if draft is None:
        raise UnknownElection(election_uuid)
    return Election(cast(ElectionDrafted, draft.data), by_key)
