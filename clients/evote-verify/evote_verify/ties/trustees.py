"""trustees - election: every trustee signed what stands under their name, and confirmed what was opened.

1. Every message of the ceremony, and every partial decryption, is signed with the key that the draft, or a renewal
   before anyone committed, names for its trustee, and says which draft and which certificates that trustee saw: the
   same for all.
2. All of them committed to their polynomials before anyone revealed one: the last could choose theirs by the others'.
3. What was opened follows from the draft, these messages and the frozen roll.
4. Every trustee confirmed exactly these texts.
"""

from __future__ import annotations

from collections.abc import Iterator

from evote_belenios.errors import BeleniosError
from evote_ceremony.messages import Ceremony, SaysAnother, Step
from evote_ceremony.plan import NoSuchTrustee
from evote_ceremony.setup import Setup
from evote_statements.keys import KeyMistyped
from evote_statements.signed import StatementRefused

from ..findings import Finding, Outcome, Tie
from ..reading.ceremony import ceremony_of, setup_in_log
from ..reading.elections import LoggedElection, LoggedElections
from ..reading.records import ElectionOpened


def tie(logged: LoggedElections) -> Finding:
    """Check every election in the log."""
    faults = [f"{uuid}: {fault}" for uuid, election in logged.by_uuid.items() for fault in faults_of(election)]
    if faults:
        return Finding(Tie.TRUSTEES, Outcome.FAILS, tuple(faults))
    opened = sum(election.opened is not None for election in logged.by_uuid.values())
    return Finding(
        Tie.TRUSTEES,
        Outcome.HOLDS,
        (f"{opened} elections opened, each as all of its trustees confirmed it; every message is its trustee's own",),
    )


def faults_of(election: LoggedElection) -> Iterator[str]:
    """What is wrong with what stands under the trustees' names."""
    try:
        plan = election.plan
    except NoSuchTrustee as error:
        yield f"the key of trustee {error.trustee} was renewed, whom the draft does not name"
        return
    if plan is None:
        if election.opened is not None:
            yield "it was opened without a draft"
        return
    ceremony = ceremony_of(plan, election)
    yield from _unsigned(ceremony, election)
    yield from _revealed_early(ceremony, election)
    if election.opened is not None:
        yield from _unconfirmed(ceremony, election, election.opened.event)


def _unsigned(ceremony: Ceremony, election: LoggedElection) -> Iterator[str]:
    said = [
        (logged.index, trustee, step, logged.event.text, logged.event.statement)
        for step, messages in election.ceremony.items()
        for trustee, logged in messages.items()
    ]
    said += [
        (logged.index, trustee, Step.PARTIAL_DECRYPTION, logged.event.partial_decryption, logged.event.statement)
        for trustee, logged in election.decryptions.items()
    ]
    for index, trustee, step, text, statement in said:
        try:
            ceremony.check_message(trustee, step, text, statement)
        except _REFUSED as error:
            yield f"{step} of trustee {trustee} at log index {index}: {_reason(error)}"


def _revealed_early(ceremony: Ceremony, election: LoggedElection) -> Iterator[str]:
    """Both stand in one partition, whose order the log keeps."""
    committed = election.ceremony[Step.COMMITMENT]
    for trustee, revealed in election.ceremony[Step.POLYNOMIAL].items():
        late = [n for n in ceremony.plan.numbers if n not in committed or committed[n].index > revealed.index]
        if late:
            yield f"trustee {trustee} revealed a polynomial at log index {revealed.index} before {late} had committed"


def _unconfirmed(ceremony: Ceremony, election: LoggedElection, opened: ElectionOpened) -> Iterator[str]:
    setup = Setup(opened.election_json, opened.trustees_json, opened.credentials_sha256)
    try:
        if setup_in_log(ceremony.plan, election, opened.credentials_sha256) != setup:
            yield "it was opened with other texts than follow from its draft and its ceremony"
    except BeleniosError as error:
        yield f"it was opened after a ceremony that is none: {error.detail}"
    for trustee in ceremony.plan.numbers:
        confirmed = election.confirmations.get(trustee)
        if confirmed is None:
            yield (
                f"it was opened without the confirmation of trustee {trustee}; "
                "if it was opened a moment ago, read the log again"
            )
            continue
        try:
            ceremony.check_setup(trustee, setup, confirmed.event.statement)
        except _REFUSED as error:
            yield f"the confirmation of trustee {trustee} at log index {confirmed.index}: {_reason(error)}"


_REFUSED = (StatementRefused, NoSuchTrustee, KeyMistyped)


def _reason(error: Exception) -> str:
    if isinstance(error, SaysAnother):
        return f"the trustee signed something else ({error.field})"
    return "the trustee whom the draft or a renewal names did not sign it"
