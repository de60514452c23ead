"""Finding a card's voter on the roll, and binding the card to the voter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from evote_jpki.certificates import (
    CertificateExpired,
    CertificateRefused,
    CertificateRevoked,
    RevocationUnknown,
    parse_certificate,
)
from evote_platform.door import Turn

from ..domain.cards import (
    Approval,
    AskOfficer,
    Binding,
    CardPair,
    Ended,
    Keep,
    RefuseBlocked,
    RefuseTaken,
    Replace,
    bind,
)
from ..domain.cases import Case, CaseKind, Decision, new_case_number
from ..domain.evidence import CardChange, MatchRecord
from ..domain.matching import Found, Likeness, Nobody, match_person
from ..domain.refusals import CardBlocked, CardOfAnother, MatchPending, NotOnRoll, RefusedByOfficer
from ..domain.release import AuthenticatedCard
from ..revocation.trust import Trust
from ..vault import Connection, cards, cases, roll


@dataclass(frozen=True)
class FoundVoter:
    """A card's owner, and how they were found."""

    voter_ref: str
    match: MatchRecord


@dataclass(frozen=True)
class Registration:
    """The card is the voter's; all changes of card so far."""

    card_changes: tuple[CardChange, ...]


class BoundMeanwhile(Exception):
    """Another replica has changed the voter's card since it was looked at: look again."""


@dataclass(frozen=True)
class WaitsForOfficer:
    """The card isn't bound: a case is open."""

    case_number: str


async def find_voter(
    connection: Connection, election_uuid: str, card: AuthenticatedCard, random: Callable[[int], bytes], now: datetime
) -> FoundVoter:
    """The card's owner on the roll.

    Raises ``NotOnRoll``, ``MatchPending`` (a case is open, and stays when this raises) or ``RefusedByOfficer``.
    """
    attributes = card.attributes
    people = await roll.people_born(connection, election_uuid, attributes.birth_date, attributes.sex)
    match = match_person(attributes, people)
    if isinstance(match, Nobody):
        raise NotOnRoll
    if isinstance(match, Found):
        return FoundVoter(match.voter_ref, MatchRecord(match.likeness))
    case = await _find_or_open(connection, election_uuid, CaseKind.MATCH, card, match.voter_refs, random, now)
    decision = case.decision
    if decision is None:
        raise MatchPending(case.number)
    if decision.voter_ref is None:
        raise RefusedByOfficer(case.number)
    return FoundVoter(decision.voter_ref, MatchRecord(Likeness.OFFICER, case.number, decision))


async def ended_certificates(
    bound: cards.BoundCard | None, presented: CardPair, trust: Trust, turn: Turn, now: datetime
) -> dict[str, Ended]:
    """Those of the bound certificates that the presented pair lacks and that have expired or were revoked.

    May ask over the network: hold no connection to the database meanwhile; ``turn`` is given up for it. Raises
    ``RevocationUnknown`` when nobody can tell now.
    """
    if bound is None:
        return {}
    ended = {}
    known = ((bound.pair.user, bound.user_der), (bound.pair.signature, bound.signature_der))
    for fingerprint, der in known:
        if der is None or fingerprint is None or fingerprint in presented.fingerprints:
            continue
        try:
            async with turn.aside():
                await trust.require_valid(parse_certificate(der), now)
        except CertificateExpired:
            ended[fingerprint] = Ended.EXPIRED
        except CertificateRevoked:
            ended[fingerprint] = Ended.REVOKED
        except RevocationUnknown:
            raise
        except CertificateRefused:
            # Its authority is no longer configured, say: that doesn't prove that the card is no longer in use.
            continue
    return ended


async def register_card(
    connection: Connection,
    election_uuid: str,
    voter_ref: str,
    card: AuthenticatedCard,
    bound: cards.BoundCard | None,
    ended: Mapping[str, Ended],
    random: Callable[[int], bytes],
    now: datetime,
) -> Registration | WaitsForOfficer:
    """Bind a card to its voter by the rules of ``domain.cards``, in the caller's transaction.

    The voter's row is locked until the transaction ends: of two cards at two replicas one comes first, and the other is
    judged by what the first one left.

    Args:
        bound: the voter's card as it was when ``ended`` was asked for.
        ended: see :func:`ended_certificates`.

    Raises ``BoundMeanwhile``, ``CardBlocked``, ``CardOfAnother`` or ``RefusedByOfficer``;
    ``asyncpg.UniqueViolationError`` when another voter is being bound to the same certificate.
    """
    # A crash gives the lock back with the transaction: nobody stays locked out.
    await roll.lock_voter(connection, election_uuid, voter_ref)
    if bound != await cards.bound_card(connection, election_uuid, voter_ref):
        raise BoundMeanwhile
    known = await cards.registered(connection, election_uuid, voter_ref, bound, card.pair)
    case = await cases.case_of(connection, election_uuid, CaseKind.CARD, card.pair)
    decision = case.decision if case else None
    approval = Approval.GIVEN if decision and decision.voter_ref == voter_ref else Approval.NONE
    binding = bind(known, card.pair, ended, approval)
    _refuse(binding, case)
    if isinstance(binding, AskOfficer):
        opened = await _find_or_open(connection, election_uuid, CaseKind.CARD, card, (voter_ref,), random, now)
        return WaitsForOfficer(opened.number)
    known_whole = bound is not None and (bound.user_der is not None or card.user is None)
    if not isinstance(binding, Keep) or not known_whole:
        await cards.bind_pair(connection, election_uuid, voter_ref, card)
    # One transaction with the binding: a crash leaves no replaced card whose replacement nobody recorded, and no
    # officer's approval that is spent on a binding which isn't there.
    if isinstance(binding, Replace):
        change = await _change(connection, election_uuid, known.bound, card.pair, binding, case, now)
        await cards.keep_change(connection, election_uuid, voter_ref, change)
        if change.case_number is not None:
            await cases.use_up_case(connection, election_uuid, change.case_number, now)
    return Registration(tuple(await cards.card_changes(connection, election_uuid, voter_ref)))


def _refuse(binding: Binding, case: Case | None) -> None:
    if isinstance(binding, RefuseBlocked):
        raise CardBlocked
    if isinstance(binding, RefuseTaken):
        raise CardOfAnother
    if isinstance(binding, AskOfficer) and case and case.decision:
        raise RefusedByOfficer(case.number)


async def _change(
    connection: Connection,
    election_uuid: str,
    before: CardPair | None,
    after: CardPair,
    binding: Replace,
    case: Case | None,
    now: datetime,
) -> CardChange:
    """What the evidence says of a replacement: with the officer who approved it, or who blocked the card before."""
    officer: Decision | cards.Block | None = None
    number = None
    if not binding.why and case is not None:
        officer, number = case.decision, case.number
    elif before is not None and Ended.BLOCKED in binding.why.values():
        officer = await cards.block_of(connection, election_uuid, before)
    return CardChange(
        before=before,
        after=after,
        why=binding.why,
        changed_at=now,
        case_number=number,
        officer=officer.officer if officer else None,
        reason=officer.reason if officer else None,
    )


async def _find_or_open(
    connection: Connection,
    election_uuid: str,
    kind: CaseKind,
    card: AuthenticatedCard,
    candidates: tuple[str, ...],
    random: Callable[[int], bytes],
    now: datetime,
) -> Case:
    """The card's case; two replicas that get the same card at once find one and the same."""
    # What the officer sees is what the certificate says, not the marks of replaced characters.
    shown = card.signature.attributes or card.attributes
    while True:
        case = await cases.case_of(connection, election_uuid, kind, card.pair)
        if case is not None:
            return case
        number = new_case_number(random)
        # Outside of any transaction for a match, so that the case outlives the refusal; a crash behind it leaves a case
        # that the same card finds again.
        await cases.open_case(connection, election_uuid, number, kind, card.pair, shown, candidates, now)
