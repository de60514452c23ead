"""The key ceremony: four rounds, each verified on receipt.

``certificate → commitment → polynomial → voutput``. Belenios' protocol version 1 has no commitment:
the last trustee to publish a polynomial could choose it after seeing the others' and so bias the
public key. Here every trustee commits to the SHA-256 of its message before anyone reveals one.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from evote_belenios.errors import BeleniosError
from evote_belenios.groups import group_by_name
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
