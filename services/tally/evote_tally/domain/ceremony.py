"""The key ceremony: four rounds, each verified on receipt, and everybody's confirmation of what comes of it.

``certificate → commitment → polynomial → voutput → confirmation``. Belenios' protocol version 1 has no commitment:
the last trustee to publish a polynomial could choose it after seeing the others' and so bias the
public key. Here every trustee commits to the SHA-256 of its message before anyone reveals one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from evote_belenios import threshold
from evote_belenios.certificates import parse_all
from evote_belenios.errors import BeleniosError
from evote_ceremony.messages import CEREMONY_STEPS, Ceremony, MessageStatement, SaysAnother, SetupStatement, Step
from evote_ceremony.plan import Plan
from evote_ceremony.setup import CeremonyTexts, Setup, make_setup
from evote_eventlog.events import (
    CertificateReceived,
    ElectionEventData,
    PolynomialCommitted,
    PolynomialReceived,
    RollFrozen,
    SetupConfirmed,
    TrusteeKeyRenewed,
    VoutputReceived,
)
from evote_platform.wording import Words
from evote_statements.keys import KeyMistyped, key_text, parse_key
from evote_statements.signed import StatementRefused, verify_statement

from .election import Election, Stage
from .facts import renewals_of
from .refusals import (
    CertificateDuplicate,
    CommittedAlready,
    KeyRefused,
    MessageConflict,
    MessageRejected,
    StatementNotSigned,
    StatementOfAnother,
    StepNotYet,
    UnknownTrustee,
    WrongStage,
)

CONFIRMATION = "confirmation"
_MISTYPED = Words(
    "トラスティのプログラムが表示した行と違うか、入力の誤りがあります",
    "It is not the line that the trustee's program printed",
)
_USED = Words("この選挙のトラスティの鍵として、すでに使われています", "It is or was a trustee's key in this election")
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Message:
    """What a trustee sent: the exact text, and the signed statement about it."""

    trustee: int
    step: Step
    text: str
    statement: str


def require_signed(plan: Plan, trustee: int, kind: type[MessageStatement | SetupStatement], statement: str) -> None:
    """Refuse what the trustee didn't sign, before anything else is done for it.

    Raises:
        UnknownTrustee, StatementNotSigned.
    """
    if trustee not in plan.numbers:
        raise UnknownTrustee(trustee)
    try:
        verify_statement(kind, statement, plan.key_of(trustee))
    except StatementRefused as error:
        raise StatementNotSigned(trustee) from error


def messages_of(election: Election, step: Step) -> dict[int, str]:
    """What was received in a step of the ceremony, by trustee."""
    received: Mapping[Step, dict[int, str]] = {
        Step.CERTIFICATE: election.certificates,
        Step.COMMITMENT: election.commitments,
        Step.POLYNOMIAL: election.polynomials,
        Step.VOUTPUT: election.voutputs,
    }
    return received[step]


def waiting_for(election: Election, step: Step) -> tuple[int, ...]:
    """The trustees whose message of this step is missing."""
    received = messages_of(election, step)
    return tuple(number for number in election.trustee_numbers if number not in received)


def waiting_for_ceremony(election: Election) -> tuple[str, ...]:
    """What the ceremony still waits for, or what it breaks on, as text; empty when it is complete."""
    if (broken := _broken(election)) is not None:
        way_out = "abandon the election and draft it anew"
        if not election.commitments:
            way_out = f"renew the trustee's key, or {way_out}"
        return (f"broken: {broken}; no trustee goes on with it: {way_out}",)
    step = next((step for step in CEREMONY_STEPS if waiting_for(election, step)), None)
    if step is None:
        return ()
    numbers = ", ".join(str(number) for number in waiting_for(election, step))
    return (f"{step} of trustee {numbers}",)


def _broken(election: Election) -> str | None:
    """What is wrong with the certificates together; what came to an earlier release was not compared at its receipt."""
    if waiting_for(election, Step.CERTIFICATE):
        return None
    try:
        parse_all(election.plan.group, _in_order(election, Step.CERTIFICATE), election.plan.threshold)
    except BeleniosError as error:
        return f"{error.rule}, {error.detail}"
    return None


def waiting_for_confirmation(election: Election) -> tuple[int, ...]:
    """The trustees who have not confirmed the final texts."""
    confirmed = election.of_trustees(SetupConfirmed)
    return tuple(number for number in election.trustee_numbers if number not in confirmed)


def renew_key(election: Election, trustee: int, key: str) -> tuple[TrusteeKeyRenewed, ...]:
    """Put another key in the place of a trustee's; nothing to do when it is the trustee's already.

    Raises:
        UnknownTrustee, WrongStage.
        CommittedAlready: a trustee committed to what is made of the keys as they are.
        KeyRefused: it is no key's line, or was a trustee's before. An old key never comes back: whoever has it could be
            whom the renewal shut out, and a command that is sent again would undo a later one.
    """
    election.require_trustee(trustee)
    if election.plan.trustees[trustee - 1].key == key:
        return ()
    election.require_stage(Stage.DRAFTED, Stage.ROLL_FROZEN)
    if election.commitments:
        raise CommittedAlready(tuple(election.commitments))
    try:
        line = key_text(parse_key(key))
    except KeyMistyped:
        raise KeyRefused(trustee, _MISTYPED) from None
    if line != key:  # what the officers signed is what the event says, without white space around it
        raise KeyRefused(trustee, _MISTYPED)
    if key in election.keys_so_far:
        raise KeyRefused(trustee, _USED)
    number = renewals_of(trustee, election.facts) + 1
    return (TrusteeKeyRenewed(election_uuid=election.uuid, trustee=trustee, number=number, key=key),)


def receive(election: Election, message: Message) -> tuple[ElectionEventData, ...]:
    """Take a message of the ceremony: once, from the trustee who signed it, and only if it holds.

    Raises:
        UnknownTrustee, StepNotYet, WrongStage: it is not the time for it.
        StatementNotSigned, StatementOfAnother, MessageConflict, CertificateDuplicate, MessageRejected: it is not a
            message to take.
    """
    step, trustee = message.step, message.trustee
    election.require_trustee(trustee)
    if step is not Step.CERTIFICATE:
        base = CEREMONY_STEPS[CEREMONY_STEPS.index(step) - 1]
        if missing := waiting_for(election, base):
            raise StepNotYet(step, base, missing)
    require_said(election, message)
    if (earlier := messages_of(election, step).get(trustee)) is not None:
        if earlier != message.text:
            raise MessageConflict(step, trustee)
        return ()
    election.require_stage(Stage.DRAFTED, Stage.ROLL_FROZEN)
    try:
        return (_ACCEPT[step](election, message),)
    except BeleniosError as error:
        raise MessageRejected(step, error.rule, error.section, error.detail) from error


def require_said(election: Election, message: Message) -> None:
    """Refuse a message whose statement isn't the trustee's, or is about something else than this message here."""
    with _refusing(message.trustee):
        _ceremony(election).check_message(message.trustee, message.step, message.text, message.statement)


def receive_confirmation(election: Election, trustee: int, statement: str) -> tuple[SetupConfirmed, ...]:
    """Take a trustee's confirmation of exactly the texts that the election will open with.

    Raises:
        UnknownTrustee, StepNotYet, WrongStage, StatementNotSigned, StatementOfAnother.
    """
    election.require_trustee(trustee)
    if missing := waiting_for(election, Step.VOUTPUT):
        raise StepNotYet(CONFIRMATION, Step.VOUTPUT, missing)
    check_confirmation(election, setup_of(election), trustee, statement)
    if trustee in election.of_trustees(SetupConfirmed):
        return ()
    election.require_stage(Stage.ROLL_FROZEN)
    return (SetupConfirmed(election_uuid=election.uuid, trustee=trustee, statement=statement),)


def check_confirmation(election: Election, setup: Setup, trustee: int, statement: str) -> None:
    """Refuse a confirmation that isn't the trustee's, or of other texts."""
    with _refusing(trustee):
        _ceremony(election).check_setup(trustee, setup, statement)


def setup_of(election: Election) -> Setup:
    """The final texts; the ceremony is complete. Raises ``WrongStage`` before the roll is frozen."""
    roll = election.fact(RollFrozen)
    if roll is None:
        raise WrongStage(election.stage, (Stage.ROLL_FROZEN,))
    texts = CeremonyTexts(*(_in_order(election, step) for step in CEREMONY_STEPS))
    return make_setup(election.plan, texts, roll.credentials_sha256)


@contextmanager
def _refusing(trustee: int) -> Iterator[None]:
    """Refuse in the service's words what a statement is refused for."""
    try:
        yield
    except SaysAnother as error:
        raise StatementOfAnother(trustee, error.field) from error
    except StatementRefused as error:
        raise StatementNotSigned(trustee) from error


def _ceremony(election: Election) -> Ceremony:
    return Ceremony(election.plan, tuple(_in_order(election, Step.CERTIFICATE)), election.drafted_plan)


def _in_order(election: Election, step: Step) -> list[str]:
    """What has been received of a step, in the trustees' order."""
    received = messages_of(election, step)
    return [received[number] for number in election.trustee_numbers if number in received]


def _certificate(election: Election, message: Message) -> CertificateReceived:
    plan = election.plan
    threshold.check_certificate(
        message.text, plan.group, index=message.trustee, threshold=plan.threshold, size=len(plan.trustees)
    )
    for other, certificate in election.certificates.items():
        # Taken in, it would end the ceremony for everybody: no trustee's program goes on with two that share a key.
        if threshold.share_a_key(message.text, certificate, plan.group):
            raise CertificateDuplicate(message.trustee, other)
    return CertificateReceived(
        election_uuid=election.uuid, trustee=message.trustee, certificate=message.text, statement=message.statement
    )


def _commitment(election: Election, message: Message) -> PolynomialCommitted:
    if not _SHA256.fullmatch(message.text):
        raise MessageRejected(Step.COMMITMENT, "commitment-form", "", "a commitment is a SHA-256 in hexadecimal")
    return PolynomialCommitted(
        election_uuid=election.uuid, trustee=message.trustee, commitment=message.text, statement=message.statement
    )


def _polynomial(election: Election, message: Message) -> PolynomialReceived:
    plan = election.plan
    threshold.check_commitment(election.commitments[message.trustee], message.text, index=message.trustee)
    certificates = _in_order(election, Step.CERTIFICATE)
    threshold.check_polynomial(message.text, plan.group, certificates, plan.threshold, index=message.trustee)
    return PolynomialReceived(
        election_uuid=election.uuid, trustee=message.trustee, polynomial=message.text, statement=message.statement
    )


def _voutput(election: Election, message: Message) -> VoutputReceived:
    plan = election.plan
    threshold.check_voutput(
        message.text,
        plan.group,
        _in_order(election, Step.CERTIFICATE),
        plan.threshold,
        _in_order(election, Step.POLYNOMIAL),
        index=message.trustee,
    )
    return VoutputReceived(
        election_uuid=election.uuid, trustee=message.trustee, voutput=message.text, statement=message.statement
    )


_ACCEPT: Mapping[Step, Callable[[Election, Message], ElectionEventData]] = {
    Step.CERTIFICATE: _certificate,
    Step.COMMITMENT: _commitment,
    Step.POLYNOMIAL: _polynomial,
    Step.VOUTPUT: _voutput,
}
