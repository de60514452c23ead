"""The reader of records shares no code with their writers: it reads what they write, and refuses the rest."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_ceremony.messages import Step
from evote_eventlog.envelope import Envelope, decode, encode
from evote_eventlog.errors import PoisonError, UnknownEvent
from evote_eventlog.events import (
    BallotAccepted,
    BallotBoxClosed,
    BallotOrder,
    CertificateReceived,
    CredentialsPublished,
    ElectionAbandoned,
    ElectionClosed,
    EncryptedTallyComputed,
    EventData,
    OfficersCommand,
    OrderSignature,
    PartialDecryptionReceived,
    PolynomialCommitted,
    PolynomialReceived,
    ResultCertified,
    ResultComputed,
    RollFrozen,
    SetupConfirmed,
    TrusteeKeyRenewed,
    VoutputReceived,
)
from evote_statements.keys import key_text
from evote_verify.reading.canonical import canonical_json
from evote_verify.reading.records import CeremonyMessage, MalformedRecord, parse_record
from hypothesis import given
from hypothesis import strategies as st

LINE = key_text(Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key())
moments = st.datetimes(timezones=st.timezones()).filter(lambda moment: 1 < moment.year < 9999)

texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
any_texts = st.text(st.characters(exclude_categories=("Cs",)))
counts = st.integers(0, 2**53 - 1)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
uuids = st.text("123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", min_size=14, max_size=64)
exponents = st.integers(0, 2**255).map(str)
orders = st.builds(
    BallotOrder,
    number=st.integers(1, 2**53 - 1),
    signature=st.builds(OrderSignature, challenge=exponents, response=exponents),
)
commands = st.none() | st.builds(
    OfficersCommand, body=texts, statements=st.lists(texts, min_size=1, max_size=2).map(tuple)
)
events = st.one_of(
    st.builds(BallotAccepted, election_uuid=uuids, credential=texts, tracker=texts, ballot=texts, order=orders),
    st.builds(BallotBoxClosed, election_uuid=uuids, partition=counts, partitions=counts),
    st.builds(CertificateReceived, election_uuid=uuids, trustee=counts, certificate=texts, statement=texts),
    st.builds(ElectionAbandoned, election_uuid=uuids, command=commands),
    st.builds(
        TrusteeKeyRenewed,
        election_uuid=uuids,
        trustee=counts,
        number=st.integers(1, 2**53 - 1),
        key=st.just(LINE),
        command=commands,
    ),
    st.builds(SetupConfirmed, election_uuid=uuids, trustee=counts, statement=texts),
    st.builds(
        CredentialsPublished,
        election_uuid=uuids,
        part=counts,
        parts=counts,
        credentials=st.lists(texts).map(tuple),
        credentials_sha256=hashes,
    ),
    st.builds(
        ElectionClosed, election_uuid=uuids, reason=st.sampled_from(["closing-time", "officer"]), command=commands
    ),
    st.builds(
        EncryptedTallyComputed,
        election_uuid=uuids,
        encrypted_tally=texts,
        sized_encrypted_tally=texts,
        log_size=counts,
    ),
    st.builds(
        PartialDecryptionReceived, election_uuid=uuids, trustee=counts, partial_decryption=texts, statement=texts
    ),
    st.builds(ResultCertified, election_uuid=uuids, archive_sha256=hashes, command=commands),
    st.builds(ResultComputed, election_uuid=uuids, result=texts),
    st.builds(RollFrozen, election_uuid=uuids, roll_size=counts, credentials_sha256=hashes, command=commands),
)


NAMES = dict.fromkeys(
    (CertificateReceived, PolynomialCommitted, PolynomialReceived, VoutputReceived), "CeremonyMessage"
)

BALLOT = (
    b'{"data":{"ballot":"{}","credential":"c","election_uuid":"22222222222222",'
    b'"order":{"number":1,"signature":{"challenge":"2","response":"3"}},"tracker":"t"},'
    b'"datacontenttype":"application/json","id":"1","source":"ballot","specversion":"1.0",'
    b'"time":"2026-11-24T09:00:00.123Z","type":"jp.tsukuba.evote.ballots.BallotAccepted.v2"}'
)


@given(data=events, id=texts.filter(bool), source=texts.filter(bool), time=moments)
def test_it_reads_what_the_services_write(data: EventData, id: str, source: str, time: datetime) -> None:
    value = encode(Envelope.wrap(data, id=id, source=source, time=time))
    record = parse_record(value)
    assert record.time == json.loads(value)["time"]
    if isinstance(data, CertificateReceived):
        said = (data.election_uuid, data.trustee, Step.CERTIFICATE, data.certificate, data.statement)
        assert record.event == CeremonyMessage(*said)
    else:
        assert type(record.event).__name__ == type(data).__name__
        for field in dataclasses.fields(record.event):
            read, written = getattr(record.event, field.name), getattr(data, field.name)
            inner = dataclasses.is_dataclass(read)
            assert (dataclasses.asdict(read) == written.model_dump()) if inner else (read == written)


def test_it_reads_every_record_of_an_election(held) -> None:
    for value in held.records:
        read, written = parse_record(value).event, decode(value).data
        assert type(read).__name__ == NAMES.get(type(written), type(written).__name__)
    assert parse_record(held.records[0]).event.plan == held.plan


@given(st.binary())
def test_it_refuses_arbitrary_bytes(value: bytes) -> None:
    with pytest.raises(MalformedRecord):
        parse_record(value)


@given(st.data())
def test_a_changed_byte_is_refused_or_read_as_the_services_read_it(data: st.DataObject) -> None:
    value = bytearray(BALLOT)
    at = data.draw(st.integers(0, len(value) - 1))
    value[at] ^= data.draw(st.integers(1, 255))
    try:
        record = parse_record(bytes(value))
    except MalformedRecord:
        return
    assert record.event.ballot == decode(bytes(value)).data.ballot


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_texts | st.just("\0"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_texts, inner, max_size=3),
    max_leaves=8,
)


@given(name=st.sampled_from(["data", "id", "type", "time", "specversion", "extra"]), value=json_values)
def test_another_attribute_is_refused_wherever_the_services_refuse_it(name: str, value: object) -> None:
    attributes = {**json.loads(BALLOT), name: value}
    text = json.dumps(attributes, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        decode(text)
    except (PoisonError, UnknownEvent):
        with pytest.raises(MalformedRecord):
            parse_record(text)


@given(name=st.sampled_from(["ballot", "credential", "election_uuid", "order", "tracker", "extra"]), value=json_values)
def test_another_field_is_refused_wherever_the_services_refuse_it(name: str, value: object) -> None:
    record = json.loads(BALLOT)
    record["data"][name] = value
    text = json.dumps(record, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    try:
        decode(text)
    except (PoisonError, UnknownEvent):
        with pytest.raises(MalformedRecord):
            parse_record(text)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"id":"1"', b'"id": "1"'),
        (b'"id":"1"', b'"id":"\\u0031"'),
        (b'"id":"1"', b'"id":"1","id":"2"'),
        (b'"specversion":"1.0"', b'"specversion":"1.1"'),
        (b"09:00:00.123Z", b"09:00:00Z"),
        (b"-24T09", b"-34T09"),
        (b"BallotAccepted.v2", b"BallotAccepted.v1"),
        (b'"number":1', b'"number":0'),
        (b'"challenge":"2"', b'"challenge":"02"'),
        (b'"response":"3"', b'"response":"3","more":"4"'),
        (b"ballots.BallotAccepted.v2", b"identity.CredentialReleased.v1"),
        (b'"tracker":"t"', b'"tracker":"t","weight":"2"'),
        (b'"ballot":"{}"', b'"ballot":{}'),
        (b"22222222222222", b"2222222222222I"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(old: bytes, new: bytes) -> None:
    assert parse_record(BALLOT)
    assert old in BALLOT
    with pytest.raises(MalformedRecord):
        parse_record(BALLOT.replace(old, new))


def test_nesting_without_end_is_refused() -> None:
    for value in (b"[" * 100_000, b'{"data":' * 100_000):
        with pytest.raises(MalformedRecord):
            parse_record(value)


@given(events)
def test_canonical_json_is_that_of_the_services(data: EventData) -> None:
    value = encode(Envelope.wrap(data, id="id", source="test", time=datetime(2026, 11, 24, tzinfo=UTC)))
    assert canonical_json(json.loads(value)) == value
