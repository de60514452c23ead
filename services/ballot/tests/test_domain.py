"""The rules that need no service."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_ballot.api import models
from evote_ballot.domain import history
from evote_ballot.domain.by_hour import SMALLEST_GROUP, VotersUntil, by_hour
from evote_ballot.domain.cast import (
    _open_at_once,
    _open_by_definition,
    ciphertext_digests,
    examined_when_opened,
    open_cast,
)
from evote_ballot.domain.history import AdmittedBallot, CastRecord, CloseMarker, History, ballots_left
from evote_ballot.domain.receipt import Acceptance, sign_receipt
from evote_ballot.domain.refusals import (
    ClosePending,
    ElectionClosed,
    ElectionNotOpen,
    InvalidBallot,
    InvalidOrder,
    MalformedJson,
    NoBallotsLeft,
    OlderThanLast,
    WrongElection,
)
from evote_ballot.domain.window import Window, check_window, is_open
from evote_belenios.admission import Admissions, examine_cast, read_order
from evote_belenios.ballots import generate_ballot, parse_ballot
from evote_belenios.credentials import generate
from evote_belenios.election import Question, election_json, new_uuid, parse_election
from evote_belenios.groups import ED25519
from evote_belenios.jsontext import Json
from evote_belenios.order import sign_order
from evote_eventlog.events import BallotAccepted
from evote_eventlog.kafka import partition_of
from evote_local.testbed import begun_cast
from evote_platform.clock import rfc3339
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)
UUID = "1" * 14
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["answers", "choices", "alpha"]), inner)
    ),
    max_leaves=8,
)


def window(closed: bool = False) -> Window:
    hour = timedelta(hours=1)
    return Window(rfc3339(NOON - hour), rfc3339(NOON + hour), closed)


def test_ballots_are_taken_from_the_opening_up_to_the_close() -> None:
    hour = timedelta(hours=1)
    for now, taken in ((NOON, True), (NOON - hour, True), (NOON - hour - MOMENT, False), (NOON + hour, False)):
        assert is_open(window(), now) is taken
    check_window(window(), NOON, is_final=False)
    check_window(window(), NOON - hour, is_final=False)
    with pytest.raises(ElectionNotOpen):
        check_window(window(), NOON - hour - MOMENT, is_final=False)


@pytest.mark.parametrize(
    ("ended", "now"), [(window(), NOON + timedelta(hours=1)), (window(closed=True), NOON)], ids=["hour", "officers"]
)
def test_behind_the_window_nobody_is_told_that_it_is_closed_before_that_is_a_fact_of_their_ballot(
    ended: Window, now: datetime
) -> None:
    assert not is_open(ended, now)
    with pytest.raises(ClosePending) as pending:
        check_window(ended, now, is_final=False)
    assert (pending.value.closes_at, pending.value.retry_after_s > 0) == (ended.closes_at, True)
    with pytest.raises(ElectionClosed):
        check_window(ended, now, is_final=True)


@cache
def recorded(number: int, offset: int) -> CastRecord:
    """A ballot of the voter's that stands at ``offset`` of the voter's partition."""
    cast = begun_cast(1, number, rest=f'"answers":[{offset}]')
    return CastRecord(cast, Acceptance(UUID, cast.tracker, OWN, offset, rfc3339(NOON)))


def read(log: Sequence[int | None], others: Iterable[int]) -> History:
    """What a reader of the voter's partition knows: numbers of ballots, None for a marker; ``others`` have one."""
    markers = {partition: CloseMarker(0, PARTITIONS) for partition in others}
    if None in log:
        markers[OWN] = CloseMarker(log.index(None), PARTITIONS)
    history = History(begun_cast(1).credential, (), markers)
    for offset, number in enumerate(log):
        if number is not None:
            history.take(recorded(number, offset))
    return history


PARTITIONS = 3
OWN = partition_of(begun_cast(1).credential, PARTITIONS)


@given(
    st.lists(st.integers(1, 9) | st.none(), max_size=9),
    st.integers(0, 9),
    st.sets(st.integers(0, PARTITIONS - 1).filter(lambda partition: partition != OWN)),
)
def test_what_a_credential_has_is_final_exactly_when_no_further_ballot_of_it_can_be_admitted(
    log: list[int | None], come_to: int, others: set[int]
) -> None:
    known, later = read(log[:come_to], others), log[come_to:]
    brought = [*log[:come_to], 10, *later]  # by a producer that waited, just where the reader is
    trackers = {recorded(number, offset).cast.tracker for offset, number in enumerate(brought) if number is not None}
    now = {tracker for tracker in trackers if known.accepted(tracker)}
    then = {tracker for tracker in trackers if read(brought, others).accepted(tracker)}
    assert known.is_final is (None in log[:come_to])
    assert (now == then) is known.is_final


@given(st.binary(max_size=100) | json_values.map(lambda value: json.dumps(value).encode()))
def test_whatever_arrives_is_a_cast_or_refused_by_a_reason(body: bytes) -> None:
    with pytest.raises((MalformedJson, InvalidBallot, WrongElection)):
        open_cast(body, UUID)


@given(json_values)
def test_strange_answers_have_no_ciphertexts(answers: object) -> None:
    digests = ciphertext_digests(json.dumps({"answers": answers}))
    assert all(len(digest) == 64 for digest in digests)


def test_a_cast_is_read_as_the_protocol_library_reads_it() -> None:
    text = election_json(
        group=ED25519,
        uuid=new_uuid(secrets.token_bytes),
        name="n",
        description="d",
        questions=[Question("q", ("a", "b"), blank=True, min=1, max=1), Question("r", ("c",), False, 0, 1)],
        public_key=ED25519.encode(ED25519.power_generator(7)),
        administrator="x",
        credential_authority="y",
    )
    election, private = parse_election(text), generate(ED25519, secrets.token_bytes)
    ballot = generate_ballot(election, private, [[0, 1, 0], [1]], secrets.token_bytes)
    parsed = parse_ballot(election, ballot)
    order = sign_order(private, election.uuid, ED25519, parsed.tracker, 3, secrets.token_bytes)
    cast = open_cast(json.dumps({"ballot": ballot, "order": order.to_json()}).encode(), election.uuid)
    assert (cast.ballot, cast.tracker, cast.credential) == (ballot, parsed.tracker, parsed.credential)
    assert read_order(cast) == order
    assert ciphertext_digests(cast.ballot) == parsed.ciphertext_digests
    Admissions().admit(examine_cast(cast), box_closed=False)
    for number in (0, 2**53, "1", None):
        bad = json.dumps({"ballot": ballot, "order": {**order.to_json(), "number": number}})
        with pytest.raises(InvalidOrder):
            open_cast(bad.encode(), election.uuid)


def changed_bodies(body: str, order: Json) -> list[str]:
    """Texts that say nearly the same, or the same in other words."""
    assert isinstance(order, Mapping)
    signature, q = order["signature"], ED25519.order
    assert isinstance(signature, Mapping)
    value, challenge = json.loads(body), str(signature["challenge"])
    return [
        json.dumps(value),
        f" {body}",
        body + "\n",
        body.replace('{"ballot":', '{"ballot":"","ballot":', 1),
        body.replace('"number":3', '"number":4,"number":3'),
        body.replace('"number":3', '"number":3.0'),
        body.replace('"number":3', '"number":true'),
        body.replace('"number":3', '"number":"3"'),
        body.replace('"order":', '"\\u006frder":'),
        body.replace("election_uuid", "election\\u005fuuid"),
        body.replace(challenge, f"0{challenge}"),
        body.replace(challenge, f"-{challenge}"),
        body.replace(challenge, str(int(challenge) + q)),
        body.replace(challenge, str(q)),
        body.replace(challenge, "٣"),
        json.dumps({**value, "more": None}, separators=(",", ":")),
        json.dumps({**value, "order": {**order, "more": 1}}, separators=(",", ":")),
        json.dumps({**value, "order": None}, separators=(",", ":")),
        json.dumps({**value, "order": [order]}, separators=(",", ":")),
        json.dumps({**value, "ballot": None}, separators=(",", ":")),
        json.dumps({**value, "ballot": f"{value['ballot']}é"}, separators=(",", ":")),
        json.dumps([value], separators=(",", ":")),
    ]


def test_a_cast_that_is_opened_at_once_is_the_one_that_the_definition_opens() -> None:
    cast = begun_cast(1, number=3)
    order = read_order(cast).to_json()
    body = json.dumps({"ballot": cast.ballot, "order": order}, separators=(",", ":"))
    assert (
        _open_at_once(body.encode(), cast.election_uuid)
        == cast
        == _open_by_definition(body.encode(), cast.election_uuid)
    )
    assert _open_at_once(body.encode(), "2" * 14) is None
    for changed in changed_bodies(body, order):
        assert changed != body
        at_once = _open_at_once(changed.encode(), cast.election_uuid)
        if at_once is None:
            continue  # the definition opens or refuses it
        assert at_once == _open_by_definition(changed.encode(), cast.election_uuid), changed


@given(st.binary(max_size=100) | json_values.map(lambda value: json.dumps(value, separators=(",", ":")).encode()))
def test_nothing_strange_is_opened_at_once(body: bytes) -> None:
    assert _open_at_once(body, UUID) is None


def test_what_is_known_of_an_opened_cast_is_what_an_examination_of_its_record_finds() -> None:
    cast = begun_cast(1)
    body = json.dumps({"ballot": cast.ballot, "order": read_order(cast).to_json()}, separators=(",", ":"))
    opened = open_cast(body.encode(), cast.election_uuid)
    assert examined_when_opened(opened) == examine_cast(opened)


def has_cast(first: BallotAccepted, ballots: int) -> History:
    admitted = (
        AdmittedBallot(
            Acceptance(UUID, base64.b64encode(number.to_bytes(32)).decode().rstrip("="), 0, number, rfc3339(NOON)),
            first.order.model_copy(update={"number": number}),
        )
        for number in range(1, ballots + 1)
    )
    return History(first.credential, admitted, {})


def test_the_hundredth_ballot_of_a_credential_is_its_last() -> None:
    first = begun_cast(1)
    another = begun_cast(1, number=201)
    assert ballots_left(99) == 1
    has_cast(first, 99).demand_room_for(another, was_promised=False)
    assert (ballots_left(100), ballots_left(101)) == (0, 0)
    with pytest.raises(NoBallotsLeft) as refused:
        has_cast(first, 100).demand_room_for(another, was_promised=False)
    assert refused.value.most == history.MOST_BALLOTS == 100
    with pytest.raises(OlderThanLast):
        has_cast(first, 100).demand_room_for(begun_cast(1, number=100), was_promised=True)


def test_a_ballot_that_was_promised_before_is_let_in_again_and_whoever_collects_promises_comes_to_an_end() -> None:
    first, another = begun_cast(1), begun_cast(1, number=201)
    has_cast(first, 199).demand_room_for(another, was_promised=True)
    with pytest.raises(NoBallotsLeft):
        has_cast(first, 200).demand_room_for(another, was_promised=True)


def test_a_receipt_is_verified_by_anyone_with_the_public_key() -> None:
    key = Ed25519PrivateKey.generate()
    acceptance = Acceptance(UUID, "t" * 43, 2, 5, "2026-11-24T12:00:00.000Z")
    signed = sign_receipt(acceptance, key)
    answer = models.receipt_json(signed)
    told = models.Receipt.model_validate_json(answer, strict=True)
    assert told.model_dump_json().encode() == answer
    read = told.model_dump()
    signature = base64.b64decode(read.pop("signature"))
    key.public_key().verify(signature, rfc8785.dumps(read))
    assert signed == sign_receipt(acceptance, key)


def test_hours_with_too_few_voters_are_merged_and_the_running_one_is_not_told() -> None:
    came = dict(zip((NOON + timedelta(hours=hour) for hour in range(6)), (12, 4, 6, 3, 30, 99), strict=True))
    assert by_hour(came, NOON + timedelta(hours=5)) == (
        VotersUntil(NOON + timedelta(hours=1), 12),
        VotersUntil(NOON + timedelta(hours=3), 22),
        VotersUntil(NOON + timedelta(hours=5), 55),
    )
    assert by_hour(came, NOON + timedelta(hours=4, minutes=59)) == (
        VotersUntil(NOON + timedelta(hours=1), 12),
        VotersUntil(NOON + timedelta(hours=4), 25),
    ), "what is left over joins the last row"


@given(st.dictionaries(st.integers(0, 200), st.integers(1, 30), max_size=40))
def test_no_row_of_the_turnout_is_of_a_small_group_and_none_is_lost(came: dict[int, int]) -> None:
    rows = by_hour({NOON + timedelta(hours=hour): voters for hour, voters in came.items()}, NOON + timedelta(hours=201))
    more = [row.voters - before for row, before in zip(rows, (0, *(row.voters for row in rows)), strict=False)]
    assert all(voters >= SMALLEST_GROUP for voters in more)
    total = sum(came.values())
    assert (rows[-1].voters if rows else 0) == (total if total >= SMALLEST_GROUP else 0)
