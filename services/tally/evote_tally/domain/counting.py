"""From the closed box to the result: which box is complete, whose decryption is taken, what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from evote_belenios.decryption import verify_partial_decryption
from evote_belenios.election import parse_election
from evote_belenios.errors import BeleniosError, TallyError
from evote_belenios.result import compute_result
from evote_belenios.tally import parse_sized_encrypted_tally
from evote_belenios.trustees import parse_trustees
from evote_eventlog.events import (
    EncryptedTallyComputed,
    PartialDecryptionReceived,
    ResultComputed,
)

from .ceremony import Message, require_said
from .election import Election, Stage
from .refusals import (
    DecryptionComplete,
    MessageConflict,
    NotTallied,
    PartialDecryptionRejected,
)


@dataclass(frozen=True)
class CloseMarker:
    """A ``BallotBoxClosed`` of one partition and its index in the public log, None when not logged."""

    partition: int
    partitions: int
    log_index: int | None


def box_complete_at(markers: tuple[CloseMarker, ...]) -> int | None:
    """The log index at which the last partition's first close marker stands; None before that.

    The sequencer logs a partition's records in order, so when a partition's marker is logged, every
    ballot that counts from that partition is logged before it.
    """
    if not markers:
        return None
    first_logged: dict[int, int] = {}
    for marker in markers:
        if marker.log_index is not None:
            known = first_logged.get(marker.partition, marker.log_index)
            first_logged[marker.partition] = min(known, marker.log_index)
    partitions = max(marker.partitions for marker in markers)
    if any(partition not in first_logged for partition in range(partitions)):
        return None
    return max(first_logged[partition] for partition in range(partitions))


def receive_partial_decryption(election: Election, message: Message) -> tuple[PartialDecryptionReceived, ...]:
    """Take a trustee's partial decryption after verifying it; at most one per trustee.

    Raises:
        NotTallied, StatementNotSigned, StatementOfAnother, MessageConflict, DecryptionComplete,
        PartialDecryptionRejected.
    """
    trustee, text = message.trustee, message.text
    election.require_trustee(trustee)
    tally = election.fact(EncryptedTallyComputed)
    if tally is None:
        raise NotTallied(election.stage)
    require_said(election, message)
    earlier = election.partial_decryptions.get(trustee)
    if earlier is not None:
        if earlier != text:
            raise MessageConflict(message.step, trustee)
        return ()
    # More than the threshold may come until there is a result: one of the first may lie (see deciding_decryptions).
    if election.stage is not Stage.TALLIED:
        raise DecryptionComplete(election.draft.threshold)
    opened = election.opened
    parameters = parse_election(opened.election_json)
    trustees = parse_trustees(opened.trustees_json, parameters.group)
    try:
        verify_partial_decryption(parameters, trustees, trustee, tally.encrypted_tally, text)
    except BeleniosError as error:
        raise PartialDecryptionRejected(trustee, error.rule, error.section, error.detail) from error
    return (
        PartialDecryptionReceived(
            election_uuid=election.uuid, trustee=trustee, partial_decryption=text, statement=message.statement
        ),
    )


def result_is_due(election: Election) -> bool:
    """Whether enough trustees decrypted and the result isn't computed yet."""
    return election.stage is Stage.TALLIED and _enough(election)


def result_of(election: Election) -> tuple[ResultComputed, ...]:
    """Combine the partial decryptions of enough trustees; nothing to do before or after."""
    tally = election.fact(EncryptedTallyComputed)
    if tally is None or not result_is_due(election):
        return ()
    found = deciding_decryptions(election)
    return () if found is None else (ResultComputed(election_uuid=election.uuid, result=found.result),)


@dataclass(frozen=True)
class Decided:
    """The partial decryptions that lead to the result, in the order in which they came, and the result."""

    partial_decryptions: Mapping[int, str]
    result: str


def deciding_decryptions(election: Election) -> Decided | None:
    """The first group of enough trustees, in the order of their coming, whose partial decryptions give a result.

    A lying trustee can prove a wrong factor in protocol version 1 (see the threat model). Its groups give no result,
    and are passed over; with no other group yet, more trustees are waited for.
    """
    tally = election.fact(EncryptedTallyComputed)
    if tally is None:
        return None
    opened = election.opened
    parameters = parse_election(opened.election_json)
    trustees = parse_trustees(opened.trustees_json, parameters.group)
    total_weight = parse_sized_encrypted_tally(tally.sized_encrypted_tally).total_weight
    for group in combinations(election.partial_decryptions.items(), election.draft.threshold):
        chosen = dict(group)
        try:
            result = compute_result(parameters, trustees, tally.encrypted_tally, total_weight, chosen)
        except TallyError as error:
            if error.rule != "result-logarithm":
                raise
            continue
        return Decided(chosen, result)
    return None


def _enough(election: Election) -> bool:
    return len(election.partial_decryptions) >= election.draft.threshold
