"""The key ceremony: four rounds, each verified on receipt.

``certificate → commitment → polynomial → voutput``. Belenios' protocol version 1 has no commitment:
the last trustee to publish a polynomial could choose it after seeing the others' and so bias the
public key. Here every trustee commits to the SHA-256 of its message before anyone reveals one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from evote_belenios import threshold
from evote_belenios.errors import BeleniosError
from evote_belenios.groups import Group, group_by_name
from evote_belenios.trustees import trustees_json
from evote_eventlog.events import (
    CertificateReceived,
    PolynomialCommitted,
    PolynomialReceived,
    VoutputReceived,
)

from .election import Election, Stage
from .refusals import MessageConflict, MessageRejected, StepNotYet

CERTIFICATE, COMMITMENT, POLYNOMIAL, VOUTPUT = "certificate", "commitment", "polynomial", "voutput"
STEPS = (CERTIFICATE, COMMITMENT, POLYNOMIAL, VOUTPUT)


def messages_of(election: Election, step: str) -> dict[int, str]:
    """What was received in a step, by trustee."""
    received: Mapping[str, dict[int, str]] = {
        CERTIFICATE: election.certificates,
        COMMITMENT: election.commitments,
        POLYNOMIAL: election.polynomials,
        VOUTPUT: election.voutputs,
    }
    return received[step]


def waiting_for(election: Election, step: str) -> tuple[int, ...]:
    """The trustees whose message of this step is missing."""
    received = messages_of(election, step)
    return tuple(number for number in election.trustee_numbers if number not in received)


def current_step(election: Election) -> str | None:
    """The first step that misses a message; None when the ceremony is complete."""
    return next((step for step in STEPS if waiting_for(election, step)), None)


def waiting_for_ceremony(election: Election) -> tuple[str, ...]:
    """What the ceremony still waits for, as text; empty when it is complete."""
    step = current_step(election)
    if step is None:
        return ()
    numbers = ", ".join(str(number) for number in waiting_for(election, step))
    return (f"{step} of trustee {numbers}",)


def receive_certificate(election: Election, trustee: int, text: str) -> tuple[CertificateReceived, ...]:
    """Step 1: take a trustee's channel keys."""
    if _already(election, CERTIFICATE, trustee, text):
        return ()
    size = len(election.draft.trustees)
    with_threshold = election.draft.threshold
    _verify(
        CERTIFICATE,
        lambda: threshold.check_certificate(text, _group(election), index=trustee, threshold=with_threshold, size=size),
    )
    return (CertificateReceived(election_uuid=election.uuid, trustee=trustee, certificate=text),)


def receive_commitment(election: Election, trustee: int, digest: str) -> tuple[PolynomialCommitted, ...]:
    """Step 2: take the SHA-256 (hex) of a trustee's polynomial message, before anyone reveals theirs."""
    if _already(election, COMMITMENT, trustee, digest):
        return ()
    return (PolynomialCommitted(election_uuid=election.uuid, trustee=trustee, commitment=digest),)


def receive_polynomial(election: Election, trustee: int, text: str) -> tuple[PolynomialReceived, ...]:
    """Step 3: take the polynomial message that the trustee committed to."""
    if _already(election, POLYNOMIAL, trustee, text):
        return ()

    def check() -> None:
        threshold.check_commitment(election.commitments[trustee], text, index=trustee)
        threshold.check_polynomial(
            text,
            _group(election),
            _in_order(election, CERTIFICATE),
            election.draft.threshold,
            index=trustee,
        )

    _verify(POLYNOMIAL, check)
    return (PolynomialReceived(election_uuid=election.uuid, trustee=trustee, polynomial=text),)


def receive_voutput(election: Election, trustee: int, text: str) -> tuple[VoutputReceived, ...]:
    """Step 4: take a trustee's verification key, which must follow from all polynomials."""
    if _already(election, VOUTPUT, trustee, text):
        return ()
    _verify(
        VOUTPUT,
        lambda: threshold.check_voutput(
            text,
            _group(election),
            _in_order(election, CERTIFICATE),
            election.draft.threshold,
            _in_order(election, POLYNOMIAL),
            index=trustee,
        ),
    )
    return (VoutputReceived(election_uuid=election.uuid, trustee=trustee, voutput=text),)


def trustees_json_of(election: Election) -> str:
    """The exact ``trustees.json`` of a complete ceremony."""
    parameters = threshold.threshold_parameters(
        _group(election),
        _in_order(election, CERTIFICATE),
        election.draft.threshold,
        _in_order(election, POLYNOMIAL),
        _in_order(election, VOUTPUT),
    )
    return trustees_json((), (parameters,))


def _already(election: Election, step: str, trustee: int, text: str) -> bool:
    """Whether the trustee sent this very message before.

    Raises:
        UnknownTrustee, WrongStage, MessageConflict, StepNotYet: the message can't be taken.
    """
    election.require_trustee(trustee)
    earlier = messages_of(election, step).get(trustee)
    if earlier is not None:
        if earlier != text:
            raise MessageConflict(step, trustee)
        return True
    election.require_stage(Stage.DRAFTED, Stage.ROLL_FROZEN)
    if step != CERTIFICATE:
        base = STEPS[STEPS.index(step) - 1]
        missing = waiting_for(election, base)
        if missing:
            raise StepNotYet(step, base, missing)
    return False


def _verify(step: str, check: Callable[[], None]) -> None:
    try:
        check()
    except BeleniosError as error:
        raise MessageRejected(step, error.rule, error.section, error.detail) from error


def _group(election: Election) -> Group:
    return group_by_name(election.draft.group)


def _in_order(election: Election, step: str) -> list[str]:
    received = messages_of(election, step)
    return [received[number] for number in election.trustee_numbers]
