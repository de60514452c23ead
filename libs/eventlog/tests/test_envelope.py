"""The envelope: one canonical text for each event, and nothing else is taken for one."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pydantic_core
import pytest
import rfc8785
from evote_eventlog.envelope import Envelope, _decode_at_once, _decode_by_definition, decode, encode
from evote_eventlog.errors import PoisonError, UnknownEvent
from evote_eventlog.events import EVENT_CLASSES, BallotAccepted, BallotOrder, EventData, OrderSignature
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


def values_of(schema: dict[str, Any], root: dict[str, Any]) -> st.SearchStrategy[Any]:
    """JSON values that a (simple) JSON Schema allows."""
    if "$ref" in schema:
        return values_of(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root)
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([values_of(option, root) for option in schema["anyOf"]])
    match schema["type"]:
        case "string" if "pattern" in schema:
            return st.from_regex(schema["pattern"].replace("$", r"\Z")).map(lambda s: s[:64])
        case "string":
            return TEXT.filter(lambda s: len(s) >= schema.get("minLength", 0))
        case "integer":
            return st.integers(schema.get("minimum", -(2**53) + 1), 2**53 - 1)
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "array":
            return st.lists(
                values_of(schema["items"], root),
                min_size=schema.get("minItems", 0),
                max_size=min(schema.get("maxItems", 3), 3),
            )
        case "object":
            return st.fixed_dictionaries({k: values_of(v, root) for k, v in schema["properties"].items()})
        case other:
            raise NotImplementedError(other)


def events_of(cls: type[EventData]) -> st.SearchStrategy[EventData]:
    schema = cls.model_json_schema()
    return values_of(schema, schema).map(lambda data: cls.model_validate_json(json.dumps(data)))


EVENTS = st.one_of([events_of(cls) for cls in EVENT_CLASSES])
ENVELOPES = st.builds(Envelope.wrap, EVENTS, id=TEXT.filter(bool), source=TEXT.filter(bool), time=TIMES)


ORDER = BallotOrder(number=1, signature=OrderSignature(challenge="2", response="3"))


def ballot_envelope(**changes: Any) -> Envelope:
    facts = {"election_uuid": "1" * 14, "credential": "c", "tracker": "t", "ballot": '{"é":"\u0007"}', "order": ORDER}
    data = BallotAccepted(**{**facts, **changes})
    return Envelope.wrap(data, id="id-1", source="ballot", time=datetime(2026, 11, 24, 1, 2, 3, 456789, UTC))


def attributes(envelope: Envelope) -> dict[str, Any]:
    return json.loads(encode(envelope))


def canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize("cls", EVENT_CLASSES, ids=lambda cls: cls.__name__)
def test_every_event_comes_back_as_it_was_written(cls: type[EventData]) -> None:
    @settings(max_examples=15)
    @given(events_of(cls), TEXT.filter(bool), TIMES)
    def holds(data: EventData, text: str, time: datetime) -> None:
        envelope = Envelope.wrap(data, id=text, source=text, time=time)
        assert decode(encode(envelope)) == envelope

    holds()


def test_the_bytes_of_an_event_never_change() -> None:
    """The Merkle leaf is their hash: a change would break every proof ever given."""
    assert encode(ballot_envelope()) == (
        b'{"data":{"ballot":"{\\"\xc3\xa9\\":\\"\\u0007\\"}","credential":"c","election_uuid":"11111111111111",'
        b'"order":{"number":1,"signature":{"challenge":"2","response":"3"}},"tracker":"t"},"datacontenttype":"application/json","id":"id-1","source":"ballot","specversion":"1.0",'
        b'"time":"2026-11-24T01:02:03.456Z","type":"jp.tsukuba.evote.ballots.BallotAccepted.v2"}'
    )


def test_the_time_is_kept_in_utc_to_the_millisecond() -> None:
    tokyo = datetime(2026, 11, 24, 10, 2, 3, 456789, timezone(timedelta(hours=9)))
    envelope = Envelope.wrap(ballot_envelope().data, id="i", source="s", time=tokyo)
    assert envelope.time == datetime(2026, 11, 24, 1, 2, 3, 456000, UTC)
    with pytest.raises(ValueError, match="time zone"):
        Envelope.wrap(ballot_envelope().data, id="i", source="s", time=tokyo.replace(tzinfo=None))


@settings(max_examples=50)
@given(ENVELOPES, st.sampled_from(["space", "order", "escape", "duplicate"]))
def test_any_other_spelling_of_the_same_event_is_refused(envelope: Envelope, spelling: str) -> None:
    value = attributes(envelope)
    text = {
        "space": lambda: json.dumps(value, sort_keys=True, ensure_ascii=False),
        "order": lambda: json.dumps(
            dict(sorted(value.items(), reverse=True)), separators=(",", ":"), ensure_ascii=False
        ),
        "escape": lambda: canonical(value).decode().replace("specversion", "\\u0073pecversion"),
        "duplicate": lambda: canonical(value).decode().replace('"id":', '"id":"other","id":', 1),
    }[spelling]()
    with pytest.raises(PoisonError):
        decode(text.encode())


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_garbage_is_poison_and_nothing_worse(value: bytes) -> None:
    with pytest.raises(PoisonError):
        decode(value)


@settings(max_examples=200)
@given(st.data())
def test_a_changed_byte_is_refused_or_another_canonical_event(data: st.DataObject) -> None:
    value = bytearray(encode(ballot_envelope()))
    at = data.draw(st.integers(0, len(value) - 1))
    value[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PoisonError, UnknownEvent):
        assert encode(decode(bytes(value))) == bytes(value)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT | st.just([]) | st.just({})


@st.composite
def data_with_a_strange_leaf(draw: st.DrawFn) -> tuple[type[EventData], dict[str, Any]]:
    """An event's data as a parser gives it, with one value of another type."""
    data = draw(EVENTS)
    value = json.loads(data.model_dump_json())
    place: Any = value
    while True:
        at = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not place[at] or not isinstance(place[at], dict | list) or draw(st.booleans()):
            place[at] = draw(LEAVES)
            return type(data), value
        place = place[at]


@pytest.mark.slow
@settings(max_examples=500)
@given(data_with_a_strange_leaf())
def test_a_value_that_is_taken_without_its_json_text_is_taken_with_it(
    given_: tuple[type[EventData], dict[str, Any]],
) -> None:
    """``decode`` asks pydantic about the parsed value first: it must never be laxer than about the text."""
    cls, value = given_
    try:
        quick = cls.model_validate(value)
    except ValidationError:
        return
    assert cls.model_validate_json(json.dumps(value)) == quick


PIECES = [b"", b" ", b"1", b"-0", b"1.0", b"1e3", b"9007199254740992", b"18446744073709551616"]
PIECES += [b'"', b"\\u0000", b"\xff"]


@pytest.mark.slow
@settings(max_examples=500)
@given(st.data())
def test_what_is_taken_at_once_is_what_the_definition_takes(data: st.DataObject) -> None:
    """The shorter way through ``decode`` must never be laxer: what one reader takes no other may call poison."""
    envelope = data.draw(ENVELOPES)
    how = data.draw(st.sampled_from(["as it is", "a piece", "an attribute", "a leaf"]))
    value = encode(envelope)
    if how == "a piece":
        at, length = data.draw(st.integers(0, len(value))), data.draw(st.integers(0, 2))
        value = value[:at] + data.draw(st.sampled_from(PIECES)) + value[at + length :]
    elif how == "an attribute":
        told = attributes(envelope)
        told[data.draw(st.sampled_from([*sorted(told), "more"]))] = data.draw(LEAVES)
        value = canonical(told)
        if data.draw(st.booleans()):
            with contextlib.suppress(rfc8785.CanonicalizationError):  # what has no canonical JSON stays as it is
                value = rfc8785.dumps(told)
    elif how == "a leaf":
        cls, facts = data.draw(data_with_a_strange_leaf())
        told = {**attributes(envelope), "type": cls.type_name(), "data": facts}
        with contextlib.suppress(rfc8785.CanonicalizationError):
            value = rfc8785.dumps(told)
    if (at_once := _decode_at_once(value)) is not None:
        assert at_once == _decode_by_definition(value)


def test_a_ballots_record_is_taken_at_once() -> None:
    """Otherwise the test above would compare nothing, and a backlog of ballots would take the longer way."""
    value = encode(ballot_envelope())
    assert _decode_at_once(value) == _decode_by_definition(value) == ballot_envelope()
    for changed in (
        value.replace(b'":', b'": ', 1),
        value.replace(b"1.0", b"1.1"),
        value.replace(b"ballot", b"b\\u0000"),
    ):
        assert _decode_at_once(changed) is None
        with pytest.raises(PoisonError):
            decode(changed)


def is_canonical_by_definition(value: bytes) -> bool:
    """What ``decode`` has to find, with nothing but the writer that defines canonical JSON."""
    try:
        return rfc8785.dumps(pydantic_core.from_json(value, allow_inf_nan=False)) == value
    except ValueError:
        return False


@pytest.mark.slow
@settings(max_examples=300)
@given(ENVELOPES, st.data())
def test_every_reader_agrees_about_what_is_canonical(envelope: Envelope, data: st.DataObject) -> None:
    """A record that one reader takes and another calls poison would be in the log and not on the board."""
    value = bytearray(encode(envelope))
    at = data.draw(st.integers(0, len(value)))
    value[at : at + data.draw(st.integers(0, 2))] = data.draw(
        st.sampled_from(
            [b"", b" ", b"1", b"-0", b"1.0", b"1e3", b"9007199254740992", b'"', b"\\u0000", b"\\u00e9", b"\xff"]
        )
    )
    try:
        decode(bytes(value))
    except PoisonError as poison:
        if poison.reason == "not the canonical JSON (RFC 8785) of the event":
            assert not is_canonical_by_definition(bytes(value))
    except UnknownEvent:
        assert is_canonical_by_definition(bytes(value))
    else:
        assert is_canonical_by_definition(bytes(value))


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"null",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"data":' * 50_000,
        b'{"id":NaN}',
        b'{"id":"\\ud800"}',
        b"\xff\xfe",
        b"1" * 5000,
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_envelope_is_poison(value: bytes | None) -> None:
    with pytest.raises(PoisonError):
        decode(value)


@pytest.mark.parametrize(
    ("path", "replacement"),
    [
        (("specversion",), "0.3"),
        (("datacontenttype",), "text/plain"),
        (("id",), ""),
        (("source",), 7),
        (("time",), "2026-11-24T01:02:03Z"),
        (("time",), "2026-13-24T01:02:03.000Z"),
        (("time",), "2026-11-24T10:02:03.456+09:00"),
        (("type",), "jp.tsukuba.evote.ballots.BallotAccepted.v0"),
        (("type",), "jp.tsukuba.evote.ballots.BallotAccepted.v02"),
        (("type",), "jp.tsukuba.evote.ballots.BallotAccepted.v2 "),
        (("type",), "jp.tsukuba.evote.ballots.ballot.v1"),
        (("type",), "org.example.evote.ballots.BallotAccepted.v2"),
        (("type",), "jp.tsukuba.evote.tally.ResultComputed.v1"),
        (("data",), None),
        (("data", "credential"), 1),
        (("data", "credential"), None),
        (("data", "election_uuid"), "not base58: 0OIl"),
        (("data", "ballot"), "\0"),
        (("id",), "\0"),
    ],
    ids=str,
)
def test_what_no_release_can_read_is_poison(path: tuple[str, ...], replacement: Any) -> None:
    with pytest.raises(PoisonError):
        decode(canonical(changed(path, replacement)))


@pytest.mark.parametrize(
    ("path", "replacement"),
    [
        (("type",), "jp.tsukuba.evote.ballots.BallotAccepted.v999"),
        (("type",), "jp.tsukuba.evote.ballots.Unheard.v1"),
        (("type",), "jp.tsukuba.evote.unheard-topic.Unheard.v12"),
        (("data", "unheard"), "x"),
        (("data", "unheard"), {"nested": [1, None]}),
        (("unheard",), "x"),
    ],
    ids=str,
)
def test_what_a_newer_release_may_have_written_is_unknown_and_never_poison(
    path: tuple[str, ...], replacement: Any
) -> None:
    value = changed(path, replacement)
    with pytest.raises(UnknownEvent) as unknown:
        decode(canonical(value))
    assert unknown.value.type_name == value["type"]


def test_a_new_field_excuses_no_old_one() -> None:
    value = changed(("data", "unheard"), "x")
    del value["data"]["credential"]
    with pytest.raises(PoisonError):
        decode(canonical(value))


def changed(path: tuple[str, ...], replacement: Any) -> dict[str, Any]:
    value = attributes(ballot_envelope())
    inner = value
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = replacement
    return value


@pytest.mark.parametrize("number", ["1.0", "1e0", "true", '"1"', "9007199254740992", "-0"])
def test_an_integer_has_one_spelling(number: str) -> None:
    text = (
        '{"data":{"election_uuid":"11111111111111","partition":NUMBER,"partitions":6},'
        '"datacontenttype":"application/json","id":"i","source":"s","specversion":"1.0",'
        '"time":"2026-11-24T01:02:03.456Z","type":"jp.tsukuba.evote.ballots.BallotBoxClosed.v1"}'
    )
    assert decode(text.replace("NUMBER", "1").encode()).data.model_dump()["partition"] == 1
    with pytest.raises(PoisonError):
        decode(text.replace("NUMBER", number).encode())


def test_a_reason_never_repeats_what_the_record_says() -> None:
    secret = "山田太郎-secret"
    for path in [
        "id",
        "type",
        "time",
        "specversion",
        "data.credential",
        "data.election_uuid",
        f"data.{secret}",
        secret,
    ]:
        value = attributes(ballot_envelope())
        inner, name = (value["data"], path.removeprefix("data.")) if path.startswith("data.") else (value, path)
        inner[name] = [secret] if name in ("id", "credential") else secret
        with pytest.raises((PoisonError, UnknownEvent)) as refusal:
            decode(canonical(value))
        assert secret not in str(refusal.value)


def test_an_event_that_a_reader_would_refuse_is_not_written() -> None:
    with pytest.raises(ValueError, match="non-UTF-8"):
        encode(ballot_envelope(ballot="\ud800"))
    with pytest.raises(ValueError, match="NUL"):
        encode(ballot_envelope(ballot="a\0b"))


def test_the_letters_of_an_escaped_nul_are_no_nul() -> None:
    """A ballot is JSON within JSON: what its own text escapes is no character of the event."""
    for text in ['{"name":"\\u0000"}', "\\u0000", "\\\\u0000"]:
        envelope = ballot_envelope(ballot=text)
        assert decode(encode(envelope)) == envelope
