"""The compiled core says what the reference says: the same verdict in the same words, of whatever is put to it."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from evote_belenios import admission, native
from evote_belenios.admission import (
    ExaminedCast,
    ballot_digest,
    ballot_digests,
    examine_casts,
    read_order,
    verify_order_of,
)
from evote_belenios.archive import ArchiveWriter, open_archive
from evote_belenios.ballots import generate_ballot, tracker_of
from evote_belenios.box import BallotFacts, examine_ballots, recall_ballots
from evote_belenios.credentials import generate, public_credential, secret_exponent
from evote_belenios.election import Election, Question, parse_election
from evote_belenios.errors import BeleniosError, EncodingError, OrderError
from evote_belenios.groups import BELENIOS_2048, ED25519, Group
from evote_belenios.jsontext import dump
from evote_belenios.order import DOMAIN, LARGEST_NUMBER, sign_order, verify_order
from evote_belenios.proofs import prove_knowledge
from evote_belenios.verify import verify_archive
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from nacl import bindings as sodium

from .recorded import Order, Recorded, Signature
from .verdicts import examined, verdict

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))
"""How many times as many examples: `make fuzz-core` asks for more."""

NewElection = Callable[[Group, Sequence[Question]], Election]
# p + 3 encodes y = 3 once more; the rest are of small order, or off the curve, or the identity.
ELEMENTS = [
    f"{2**255 - 19 + 3:064x}",
    f"{2**255 - 20:064x}",
    f"{0:064x}",
    f"{1 << 255:064x}",
    f"{1:064x}",
    f"{1 | 1 << 255:064x}",
    f"{2**255 - 18:064x}",
    f"{2:064x}",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"[::-1],
    "6" * 63,
]
NUMBERS = [
    "0",
    "00",
    "01",
    "-1",
    "+1",
    "1e3",
    "",
    " 1",
    "9" * 76,
    "9" * 77,
    "１",
    *map(str, range(ED25519.order - 1, ED25519.order + 2)),
]
IDENTITY = b"\x01" + bytes(31)
# Of order 2, 4 and 8, little-endian.
SMALL_ORDER = [
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
]


class Told:
    """An election with a ballot of it that holds, and the reference's secrets to sign a changed one again."""

    def __init__(self, election: Election, choices: list[list[int]]) -> None:
        self.election = election
        self.credential = generate(ED25519, secrets.token_bytes)
        self.text = generate_ballot(election, self.credential, choices, secrets.token_bytes)
        self.other = generate_ballot(election, generate(ED25519, secrets.token_bytes), choices, secrets.token_bytes)


@pytest.fixture(scope="module")
def told(new_election: NewElection) -> list[Told]:
    yes_no, parks = Question("Plan", ("yes", "no"), True, 1, 1), Question("Parks", ("a", "b", "c"), False, 1, 2)
    wide = json.loads(new_election(ED25519, [Question("Any", ("a",), True, 0, 1)]).json)
    wide["questions"][0]["max"] = 3  # more than there are answers: odd, and taken
    return [
        Told(new_election(ED25519, [yes_no]), [[0, 1, 0]]),
        Told(new_election(ED25519, [parks, yes_no]), [[1, 0, 1], [1, 0, 0]]),
        Told(parse_election(dump(wide)), [[0, 1]]),
    ]


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, child in children for place in places(child, (*path, name)))]


def changed(data: st.DataObject, ballot: Told) -> str:
    """A ballot with something else in it, in one of the ways that parsers, groups and proofs are attacked."""
    how = data.draw(st.sampled_from(["value", "number", "element", "swap", "bytes", "text", "form"]))
    text = ballot.text
    if how == "bytes":
        position = data.draw(st.integers(0, len(text) - 1))
        inserted = data.draw(st.text(max_size=3) | st.sampled_from(['"', "\\", "\0", "\ud800", "}", ",", "]]"]))
        return text[:position] + inserted + text[position + data.draw(st.integers(0, 3)) :]
    if how == "text":
        return data.draw(st.text(max_size=30) | st.sampled_from(["", "{}", "[]", text[:-1], text + "}", text * 2]))
    value = json.loads(text)
    if how == "form":
        return data.draw(
            st.sampled_from(
                [
                    json.dumps(value),
                    json.dumps(dict(reversed(value.items())), separators=(",", ":")),
                    text.replace('"alpha"', '"\\u0061lpha"', 1),
                    text.replace('{"alpha"', '{"alpha":"","alpha"', 1),
                    text[:-1] + ',"more":1}',
                ]
            )
        )
    path = data.draw(st.sampled_from(places(value)[1:]))
    parent = value
    for name in path[:-1]:
        parent = parent[name]
    other = json.loads(ballot.other)
    match how:
        case "value":
            junk = st.none() | st.booleans() | st.integers() | st.just([]) | st.just({}) | st.text(max_size=9)
            parent[path[-1]] = data.draw(junk)
        case "number":
            parent[path[-1]] = data.draw(st.sampled_from(NUMBERS) | st.integers(0, ED25519.order - 1).map(str))
        case "element":
            power = st.integers(1, 9).map(lambda exponent: ED25519.encode(ED25519.power_generator(exponent)))
            parent[path[-1]] = data.draw(st.sampled_from(ELEMENTS) | power)
        case "swap":
            # What stands at the same place of somebody else's ballot.
            for name in path[:-1]:
                other = other[name]
            parent[path[-1]] = other[path[-1]]
    return signed(ballot, value) if data.draw(st.booleans()) else dump(value)


def signed(ballot: Told, value: Any) -> str:
    """Under the credential's own signature, if there is anything to sign: what is wrong is then found behind it."""
    unsigned = {name: part for name, part in value.items() if name != "signature"}
    try:
        content_hash = tracker_of(dump(unsigned))
    except UnicodeEncodeError:
        return dump(value)
    secret = secret_exponent(ballot.credential, ballot.election.uuid, ED25519)
    proof = prove_knowledge(ED25519, secret, f"sig|{content_hash}|", secrets.token_bytes)
    return dump({**unsigned, "signature": {"hash": content_hash, "proof": proof.to_json()}})


@settings(max_examples=300 * TIMES)
@given(st.integers(0, 2), st.data())
def test_of_any_changed_ballot_core_and_reference_say_the_same(
    told: list[Told], which: int, data: st.DataObject
) -> None:
    text = changed(data, told[which])
    note(f"{told[which].election.json}\n{text!r}")
    said = verdict(lambda: examined(told[which].election, text))
    assert isinstance(said, tuple) or said.credential in told[which].text


def test_every_rule_that_the_core_knows_is_reached_by_a_signed_change(told: list[Told]) -> None:
    """Otherwise the comparison above would compare nothing but parsers."""
    ballot, rules = told[1], set()
    for path in places(json.loads(ballot.text)):
        if path[-1:] in {("response",), ("alpha",)} or path[-1:] == ("election_uuid",) or path[-1:] == ("hash",):
            value = json.loads(ballot.text)
            parent = value
            for name in path[:-1]:
                parent = parent[name]
            parent[path[-1]] = {"alpha": ED25519.encode(ED25519.generator), "response": "5"}.get(
                str(path[-1]), "A" * 14
            )
            again = dump(value) if path[0] == "signature" else signed(ballot, value)
            said = verdict(lambda text=again: examined(ballot.election, text))  # type: ignore[misc]
            assert isinstance(said, tuple)
            rules.add(said[1])
    assert rules == {
        "ballot-election-uuid",
        "ballot-hash",
        "ballot-signature",
        "ballot-individual-proof",
        "ballot-overall-proof",
        "ballot-blank-proof",
    }


@settings(max_examples=25 * TIMES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_of_any_archive_core_and_reference_say_the_same(tell_story: Any, tmp_path: Path, data: st.DataObject) -> None:
    story = tell_story(ED25519)
    ballot = Told(parse_election(story.election), [[0, 1, 0], [0, 1]])
    ballot.credential, ballot.text = story.private[0], story.ballots[0]
    path = tmp_path / "changed.bel"
    with path.open("wb") as file:
        writer = ArchiveWriter(file, timestamp=1_700_000_000)
        writer.setup(story.election, story.trustees, dump(story.credentials))
        texts = [*story.ballots, *(changed(data, ballot) for _ in range(6))]
        for text in data.draw(st.permutations(texts)):
            try:
                writer.ballot(text)
            except UnicodeEncodeError:
                continue  # half a surrogate pair can't be written at all
        writer.close()
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
    note(f"{bytes(content)!r}")
    found = [said_of(path)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "core", None)
        found.append(said_of(path))
    assert found[0] == found[1]


def said_of(path: Path) -> object:
    """The report without its parsed parts, or why there is none."""
    try:
        with open_archive(path) as file:
            report = verify_archive(file, processes=1, progress=lambda _done, _total: None)
    except BeleniosError as error:
        return type(error), str(error)
    failures = [(str(failure), failure.section) for failure in report.failures]
    return failures, report.warnings, report.ballots, report.counted, report.head, report.voters


def recorded(ballot: Told, number: int, group: Group = ED25519) -> Recorded:
    """What a ballot service records, of a ballot that may be none; whoever signs knows the ballot's credential."""
    private = ballot.credential
    public, uuid = public_credential(private, ballot.election.uuid, group), ballot.election.uuid
    tracker = tracker_of(ballot.text)
    signed = sign_order(private, uuid, group, tracker, number, secrets.token_bytes).signature
    return Recorded(uuid, public, tracker, ballot.text, Order(number, Signature(**signed.to_json())))  # type: ignore[arg-type]


def changed_record(data: st.DataObject, told: list[Told], ballot: Told) -> Recorded:
    """A record with something else in it; half of them with a tracker and a signature over what is in it then."""
    record = recorded(ballot, data.draw(st.sampled_from([1, 2, LARGEST_NUMBER])))
    other = recorded(data.draw(st.sampled_from(told)), 1)
    how = data.draw(st.sampled_from(["nothing", "ballot", "credential", "uuid", "tracker", "number", "proof", "swap"]))
    text = st.text(max_size=9) | st.sampled_from(["|", "\0", "\ud800", "1" * 14, "1" * 65, "0" * 14])
    match how:
        case "ballot":
            text = changed(data, ballot) + data.draw(st.sampled_from(["", "\x7f", "\0", "é", "\n", " ", "~"]))
            record = replace(record, ballot=text)
        case "credential":
            record = replace(record, credential=data.draw(st.sampled_from([*ELEMENTS, *NUMBERS, "A" * 64]) | text))
        case "uuid":
            record = replace(record, election_uuid=data.draw(text))
        case "tracker":
            record = replace(record, tracker=data.draw(text | st.just(record.tracker + "=")))
        case "number":
            number = data.draw(st.sampled_from([-1, 0, 3, LARGEST_NUMBER + 1, 2**63, 2**64, -(2**64)]))
            record = replace(record, order=replace(record.order, number=number))
        case "proof":
            number = st.sampled_from(NUMBERS) | st.just("9" * 5000) | st.just("\ud800")
            place = data.draw(st.sampled_from(["challenge", "response"]))
            signature = replace(record.order.signature, **{place: data.draw(number)})
            record = replace(record, order=replace(record.order, signature=signature))
        case "swap":
            place = data.draw(st.sampled_from(["election_uuid", "credential", "tracker", "ballot", "order"]))
            record = replace(record, **{place: getattr(other, place)})
    if data.draw(st.booleans()):
        record = replace(record, ballot=record.ballot.replace(ballot.election.uuid, record.election_uuid, 1))
        with suppress(UnicodeEncodeError):
            record = replace(record, tracker=tracker_of(record.ballot))
    if data.draw(st.booleans()):
        record = signed_again(ballot, record)
    return record


def signed_again(ballot: Told, record: Recorded) -> Recorded:
    """Under the credential's own key, whatever it says: then nothing is wrong with the signature."""
    prefix = f"{DOMAIN}|{record.election_uuid}|{record.tracker}|{record.order.number}|{record.credential}|"
    secret = secret_exponent(ballot.credential, ballot.election.uuid, ED25519)
    try:
        proof = prove_knowledge(ED25519, secret, prefix, secrets.token_bytes)
    except UnicodeEncodeError:
        return record
    return replace(record, order=Order(record.order.number, Signature(**proof.to_json())))  # type: ignore[arg-type]


def said_of_cast(found: ExaminedCast) -> tuple[object, object]:
    return _words(found.digest), _words(found.unsigned)


def _words(found: object) -> object:
    return (type(found), found.rule, found.section, found.detail) if isinstance(found, BeleniosError) else found


@settings(max_examples=400 * TIMES)
@given(st.data())
def test_of_any_records_of_casts_core_and_reference_say_the_same(told: list[Told], data: st.DataObject) -> None:
    """Together or each by itself."""
    which = data.draw(st.lists(st.integers(0, len(told) - 1), max_size=3))
    records = [changed_record(data, told, told[at]) for at in which]
    note(f"{records}")
    together = outcome(lambda: [said_of_cast(found) for found in examine_casts(records)])
    digests = outcome(lambda: [_words(found) for found in ballot_digests(records)])
    orders = [outcome(lambda record=record: said_of_order(record)) for record in records]  # type: ignore[misc]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "core", None)
        assert together == outcome(lambda: [said_of_cast(found) for found in examine_casts(records)])
        assert digests == outcome(lambda: [_words(found) for found in ballot_digests(records)])
        for record, said in zip(records, orders, strict=True):
            assert said == outcome(lambda record=record: said_of_order(record))  # type: ignore[misc]


def said_of_order(record: Recorded) -> object:
    try:
        verify_order_of(record)
    except BeleniosError as refusal:
        return _words(refusal)
    return None


def outcome(look: Callable[[], object]) -> object:
    """Half a surrogate pair has no hash: no event has one."""
    try:
        return look()
    except UnicodeEncodeError:
        return UnicodeEncodeError


def test_the_core_takes_what_holds_by_itself_and_each_rule_is_reached(told: list[Told]) -> None:
    """Otherwise the comparison above would compare the reference with itself."""
    assert native.core is not None
    record, other = recorded(told[0], 1), recorded(told[1], 1)
    claims = (record.election_uuid, record.credential, record.tracker, record.ballot)
    signature = record.order.signature
    order = (record.election_uuid, record.credential, record.tracker, 1, signature.challenge, signature.response)
    assert native.core.ballot_digests([claims]) == [ballot_digest(record)]
    assert native.core.orders_signed([order, (*order[:3], 2, *order[4:])]) == [True, False]
    assert (said_of_order(record), said_of_order(replace(record, order=other.order))) == (
        None,
        _words(examine_casts([replace(record, order=other.order)])[0].unsigned),
    )
    rules = set()
    for broken in (
        replace(record, tracker=other.tracker),
        replace(other, credential=record.credential),
        replace(record, order=other.order),
        replace(record, order=replace(record.order, number=0)),
        replace(record, order=replace(record.order, signature=Signature("00", "0"))),
    ):
        (found,) = examine_casts([broken])
        rules.add(
            found.digest.rule if isinstance(found.digest, BeleniosError) else getattr(found.unsigned, "rule", None)
        )
    assert rules == {"order-tracker", "order-ballot", "order-signature", "order-number", "number"}


def test_orders_in_the_other_group_are_left_to_the_reference_among_those_that_are_not(
    told: list[Told], new_election: NewElection
) -> None:
    large = Told.__new__(Told)
    large.election = new_election(BELENIOS_2048, [Question("Plan", ("yes", "no"), True, 1, 1)])
    large.credential = generate(BELENIOS_2048, secrets.token_bytes)
    large.text = generate_ballot(large.election, large.credential, [[0, 1, 0]], secrets.token_bytes)
    records = [recorded(told[0], 1), recorded(large, 1, BELENIOS_2048), recorded(told[1], 2)]
    assert [(found.digest, found.unsigned) for found in examine_casts(records)] == [
        (ballot_digest(record), None) for record in records
    ]


@pytest.mark.parametrize("torsion", SMALL_ORDER)
def test_no_credential_beside_the_subgroup_signs_an_order(told: list[Told], torsion: str) -> None:
    """Who adds a point of small order to the own credential could sign one text under up to eight credentials: they are
    no elements, and two that add up to one are none either."""
    beside, back = (
        sodium.crypto_core_ed25519_add(bytes.fromhex(credential)[::-1], point)
        for credential, point in (
            (recorded(told[0], 1).credential, bytes.fromhex(torsion)),
            (recorded(told[1], 1).credential, sodium.crypto_core_ed25519_sub(IDENTITY, bytes.fromhex(torsion))),
        )
    )
    orders = []
    for ballot, point in ((told[0], beside), (told[1], back)):
        # Until the challenge is a multiple of eight, and what is beside the subgroup falls away.
        record = replace(recorded(ballot, 1), credential=point[::-1].hex())
        while int(record.order.signature.challenge) % 8:
            record = signed_again(ballot, record)
        orders.append(record)
    for found in examine_casts(orders):
        assert isinstance(found.digest, OrderError)  # the ballot names another credential
    assert native.core is not None
    assert native.core.orders_signed([admission._order_of(record) for record in orders]) == [False, False]
    for record in orders:
        with pytest.raises(EncodingError, match="prime-order"):
            verify_order(
                read_order(record),
                election_uuid=record.election_uuid,
                tracker=record.tracker,
                credential=record.credential,
            )


def calls_of(told: Told, texts: list[str]) -> dict[str, Callable[[], object]]:
    """Calls into the core that compute long; the last keeps Python's lock."""
    core, election = native.core, told.election.compiled
    assert core is not None and election is not None
    record = recorded(told, 1)
    signature = record.order.signature
    order = (record.election_uuid, record.credential, record.tracker, 1, signature.challenge, signature.response)
    secret = secret_exponent(told.credential, told.election.uuid, ED25519).to_bytes(32, "little")
    draws = [secrets.token_bytes(48) for _ in range(election.draws)]
    element, read = core.power_generator(bytes([5, *bytes(31)])), election.read(told.text)
    base = core.FixedBase(bytes([5, *bytes(255)]))
    assert read is not None
    return {
        "a ballot examined": lambda: election.examine(texts[:1]),
        "a batch examined": lambda: election.examine(texts),
        "a batch recalled": lambda: election.recall(texts),
        "a ballot read": lambda: election.read(texts[0]),
        "its signature checked": read.check_signature,
        "its proofs checked": read.check_proofs,
        "a ballot made": lambda: election.make_ballot(secret, [[0, 1, 0]], draws),
        "digests of a batch": lambda: core.ballot_digests(
            [(record.election_uuid, record.credential, record.tracker, record.ballot)] * 50
        ),
        "orders of a batch": lambda: core.orders_signed([order] * 50),
        "a power of a fixed base": lambda: base.power(secret),
        "a power": lambda: core.power(element, secret),
    }


@pytest.mark.parametrize(
    ("call", "lets_others_on"),
    [
        ("a ballot examined", True),
        ("a batch examined", True),
        ("a batch recalled", True),
        ("a ballot read", True),
        ("its signature checked", True),
        ("its proofs checked", True),
        ("a ballot made", True),
        ("digests of a batch", True),
        ("orders of a batch", True),
        ("a power of a fixed base", True),
        # It keeps the lock, for it is short: what shows that this test sees a lock that is kept.
        ("a power", False),
    ],
)
def test_another_thread_goes_on_while_the_core_computes(told: list[Told], call: str, lets_others_on: bool) -> None:
    work = calls_of(told[0], [told[0].text] * 10)[call]
    ready, go, done = threading.Event(), threading.Event(), []

    def other() -> None:
        ready.set()
        go.wait()
        done.append(True)

    thread, interval = threading.Thread(target=other), sys.getswitchinterval()
    thread.start()
    ready.wait()
    # From here on nobody takes the lock from this thread: another one goes on only where a call lets go of it.
    sys.setswitchinterval(3600)
    try:
        go.set()
        before = bool(done)
        for _ in range(5_000):
            work()
            if done:
                break
        after = bool(done)
    finally:
        sys.setswitchinterval(interval)
    thread.join()
    assert (before, after) == (False, lets_others_on)


def test_threads_that_share_an_election_find_what_one_finds(told: list[Told]) -> None:
    election, texts = told[0].election, [told[0].text, told[0].text[:-1], told[0].other] * 8
    alone = examine_ballots(election, texts)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: examine_ballots(election, texts), range(8)))
    assert all(list(map(str, verdicts)) == list(map(str, alone)) for verdicts in together)
    assert [isinstance(found, BallotFacts) for found in alone[:3]] == [True, False, True]


def test_a_question_that_needs_more_branches_than_any_ballot_has_is_left_to_the_reference(told: list[Told]) -> None:
    value = json.loads(told[0].election.json)
    for most in (2**31, 2**40, 2**70):
        value["questions"][0]["max"] = most
        election = parse_election(dump(value))
        said = verdict(lambda found=election: examined(found, told[0].text))  # type: ignore[misc]
        assert isinstance(said, tuple) and said[1] == "ballot-schema"


@pytest.mark.parametrize(
    "junk", ["1" * 129, "," * (1 << 20), "[" * (1 << 18), "1" * (4 << 20)], ids=lambda junk: len(junk)
)
def test_what_is_longer_or_has_more_values_than_any_message_is_named_as_that(told: list[Told], junk: str) -> None:
    ballot = told[0]
    said = verdict(lambda: examined(ballot.election, ballot.text.replace(ballot.election.uuid, junk)))
    assert isinstance(said, tuple) and said[1] in {"json", "ballot-election-uuid"}


@pytest.mark.parametrize("secret", [b"", bytes(31), b"\xff" * 32])
def test_the_core_takes_no_exponent_that_is_none(told: list[Told], secret: bytes) -> None:
    compiled = told[0].election.compiled
    assert compiled is not None and native.core is not None
    random = [secrets.token_bytes(48)] * compiled.draws
    with pytest.raises((ValueError, TypeError)):
        compiled.make_ballot(secret, [[0, 1, 0]], random)
    with pytest.raises((ValueError, TypeError)):
        native.core.power_generator(secret)
    with pytest.raises(ValueError, match="choices, draws"):
        compiled.make_ballot(bytes(32), [[0, 1]], random)
    with pytest.raises(ValueError, match="choices, draws"):
        compiled.make_ballot(bytes(32), [[0, 1, 0]], random[1:])


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(33)])
def test_the_core_takes_no_base_and_exponent_of_belenios_2048_that_are_none(secret: bytes) -> None:
    assert native.core is not None
    with pytest.raises(ValueError, match="32 bytes"):
        native.core.FixedBase(bytes(256)).power(secret)
    with pytest.raises(ValueError, match="below p"):
        native.core.FixedBase(b"\xff" * 256)
    with pytest.raises((ValueError, TypeError)):
        native.core.FixedBase(bytes(255))


@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_both_recall_of_a_ballot_what_it_adds_to_box_and_tally(told: list[Told], data: st.DataObject) -> None:
    """Of a changed one the core may recall what isn't an element: it is for ballots that were verified before."""
    ballot = data.draw(st.sampled_from(told))
    text = (
        data.draw(st.sampled_from([ballot.text, ballot.other])) if data.draw(st.booleans()) else changed(data, ballot)
    )
    (by_core,) = recall_ballots(ballot.election, [text])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "core", None)
        (by_reference,) = recall_ballots(ballot.election, [text])
        if isinstance(by_reference, BallotFacts):
            assert by_core == by_reference
            return
    if isinstance(by_core, BallotFacts):
        (verified,) = examine_ballots(ballot.election, [text])
        assert isinstance(verified, BeleniosError)
    else:
        assert (type(by_core), str(by_core)) == (type(by_reference), str(by_reference))


SWITCHED_ON = {name: value for name, value in os.environ.items() if name != native.SWITCH}


def asked(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**SWITCHED_ON, **environment},
        capture_output=True,
        text=True,
        check=True,
    )


def test_a_core_of_another_version_or_none_or_switched_off_leaves_the_work_to_the_reference_and_that_is_said() -> None:
    tell = "print(native.arithmetic(), asyncio.run(native.check()), sep=os.linesep)"
    look = f"import asyncio, os; from evote_belenios import native; {tell}"
    old = "the compiled core that is installed is 0.0.9, and "
    for program, environment, why in [
        (
            f"import evote_belenios_core as core; core.__version__ = '0.0.9'; {look}",
            {},
            f"{old}{native.VERSION} belongs here",
        ),
        (f"import sys; sys.modules['evote_belenios_core'] = None; {look}", {}, "no compiled core is installed"),
    ]:
        done = asked(program, **environment)
        what_to_do = f"{why}: `make install` compiles it"
        assert done.stdout.splitlines() == [native.REFERENCE, f"{native.REFERENCE}: {what_to_do}"]
        assert len(done.stderr.splitlines()) == 1 and done.stderr.strip().endswith(what_to_do)
    switched_off = asked(look, **{native.SWITCH: "off"})
    assert switched_off.stdout.splitlines()[0] == native.REFERENCE
    assert switched_off.stderr == "", "whoever asked for it knows"
    here = asked(look)
    assert here.stdout.splitlines() == [native.arithmetic()] * 2
    assert (here.stderr == "") == (native.core is not None)


def test_workers_do_not_say_again_that_there_is_no_core(tmp_path: Path) -> None:
    (tmp_path / "evote_belenios_core.py").write_text("__version__ = '0.0.9'")
    done = asked(
        "from concurrent.futures import ProcessPoolExecutor as Pool; from multiprocessing import get_context\n"
        "from evote_belenios import native\n"
        "if __name__ == '__main__':\n"
        "    with Pool(1, get_context('spawn')) as pool: print(pool.submit(native.arithmetic).result())",
        PYTHONPATH=str(tmp_path),
    )
    assert done.stdout.strip() == native.REFERENCE
    assert len(done.stderr.splitlines()) == 1
