from __future__ import annotations

import itertools

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_tlog.checkpoint import Checkpoint, SigningKey, parse_note
from evote_tlog.cosignature import Cosigner
from evote_tlog.errors import MalformedNote, MalformedPolicy, QuorumMissed, SignatureError
from evote_tlog.policy import (
    Group,
    Policy,
    PolicyLog,
    PolicyWitness,
    cosigners,
    format_policy,
    log_policy,
    parse_policy,
    verify_policy,
)
from hypothesis import given
from hypothesis import strategies as st


def private_key(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))


LOG = SigningKey("vote.city.example/log", private_key(1))
OTHER_LOG = SigningKey("other.example/log", private_key(2))
NAMES = ("X1", "X2", "X3", "Y1", "Y2", "Y3")
WITNESSES = {name: Cosigner(f"{name.lower()}.example", private_key(10 + at)) for at, name in enumerate(NAMES)}
LINES = "".join(f"witness {name} {cosigner.verifier.text}\n" for name, cosigner in WITNESSES.items())
# The example of C2SP tlog-policy, with keys
EXAMPLE = f"""# Both organisations
log {LOG.verifier.text}

{LINES}group X-witnesses 2 X1 X2 X3
group Y-witnesses any Y1 Y2 Y3
\tgroup   X-and-Y all X-witnesses\tY-witnesses
quorum X-and-Y
"""


def cosigned(*names: str, key: SigningKey = LOG, size: int = 7) -> str:
    note = key.sign(Checkpoint(key.verifier.name, size, bytes(32)))
    parsed = parse_note(note)
    return note + "".join(WITNESSES[name].cosign(parsed, 1_795_000_000).line for name in names)


def test_the_example_of_the_specification_holds_for_two_x_and_one_y() -> None:
    policy = parse_policy(EXAMPLE)
    for count in range(len(NAMES) + 1):
        for names in itertools.combinations(NAMES, count):
            enough = sum(name[0] == "X" for name in names) >= 2 and any(name[0] == "Y" for name in names)
            assert policy.satisfied_by(names) is enough
            if enough:
                assert verify_policy(cosigned(*names), policy).size == 7
            else:
                with pytest.raises(QuorumMissed) as missed:
                    verify_policy(cosigned(*names), policy)
                assert missed.value.cosigned == names
                assert missed.value.missing == tuple(name for name in NAMES if name not in names)


def test_one_witness_can_be_the_quorum_and_none_asks_nobody() -> None:
    single = parse_policy(f"log {LOG.verifier.text}\n{LINES}quorum X2\n")
    verify_policy(cosigned("X2"), single)
    with pytest.raises(QuorumMissed, match="'X2' is not reached: cosigned by X1"):
        verify_policy(cosigned("X1"), single)
    verify_policy(cosigned(), parse_policy(f"log {LOG.verifier.text}\nquorum none\n"))
    verify_policy(cosigned(), log_policy(LOG.verifier))


def test_every_listed_log_is_accepted_and_no_other() -> None:
    both = parse_policy(f"log {LOG.verifier.text}\nlog {OTHER_LOG.verifier.text} https://other.example\nquorum none\n")
    assert verify_policy(cosigned(key=OTHER_LOG), both).origin == OTHER_LOG.verifier.name
    with pytest.raises(SignatureError, match="no signature of a log"):
        verify_policy(cosigned(key=OTHER_LOG), log_policy(LOG.verifier))


def test_a_log_can_only_sign_for_its_own_origin() -> None:
    both = parse_policy(f"log {LOG.verifier.text}\nlog {OTHER_LOG.verifier.text}\nquorum none\n")
    with pytest.raises(SignatureError):
        verify_policy(OTHER_LOG.sign(Checkpoint(LOG.verifier.name, 1, bytes(32))), both)


def test_a_cosignature_that_does_not_hold_spoils_the_note_even_beside_a_quorum() -> None:
    policy = parse_policy(EXAMPLE)
    line = cosigned("X3", size=8).splitlines(keepends=True)[-1]
    with pytest.raises(SignatureError, match="x3"):
        verify_policy(cosigned("X1", "X2", "Y1") + line, policy)
    with pytest.raises(SignatureError, match="x3"):
        cosigners(parse_note(cosigned("X1") + line), policy)


def test_strangers_cosignatures_are_passed_over() -> None:
    policy = parse_policy(f"log {LOG.verifier.text}\nwitness X1 {WITNESSES['X1'].verifier.text}\nquorum X1\n")
    assert cosigners(parse_note(cosigned("Y1", "X1")), policy) == {"X1": 1_795_000_000}
    with pytest.raises(QuorumMissed):
        verify_policy(cosigned("Y1", "Y2"), policy)


X1 = f"witness X1 {WITNESSES['X1'].verifier.text}"
X2 = f"witness X2 {WITNESSES['X2'].verifier.text}"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 0), ("\n", 0), ("quorum none", 1), ("quorum none\r\n", 0), ("quorum none\x7f\n", 0),
        ("quorum\x0bnone\n", 0),
        ("quorum none\nquorum none\n", 2), ("quorum X1\n", 1), ("quorum\n", 1), ("quorum none extra\n", 1),
        ("Quorum none\n", 1), ("log\nquorum none\n", 1), (f"log {X1}\nquorum none\n", 1),
        (f"{X1} url extra\nquorum X1\n", 1), (f"{X1}\n{X1}\nquorum X1\n", 2),
        (f"{X1}\n{X1.replace('X1', 'other', 1)}\nquorum X1\n", 2),
        (f"{X1}\n{X2.replace('X2', 'X1', 1)}\nquorum X1\n", 2),
        (f"{X1.replace('X1', 'none', 1)}\nquorum none\n", 1),
        (f"{X1}\ngroup g 0 X1\nquorum g\n", 2), (f"{X1}\ngroup g 2 X1\nquorum g\n", 2),
        (f"{X1}\ngroup g some X1\nquorum g\n", 2), (f"{X1}\ngroup g -1 X1\nquorum g\n", 2),
        (f"{X1}\ngroup g all\nquorum g\n", 2), (f"{X1}\ngroup g all X1 X1\nquorum g\n", 2),
        (f"{X1}\ngroup g all g\nquorum g\n", 2), (f"{X1}\ngroup g all none\nquorum g\n", 2),
        (f"{X1}\ngroup g all X2\n{X2}\nquorum g\n", 2), (f"{X1}\ngroup X1 all X1\nquorum X1\n", 2),
        (f"{X1}\n{X2}\ngroup g all X1\ngroup h all X1 X2\nquorum h\n", 4),
        (f"quorum X1\n{X1}\n", 1), (f"log {LOG.verifier.text}\nlog {LOG.verifier.text}\nquorum none\n", 2),
        (f"{X1}\nquorum X1 # the only one\n", 2), ("# " + "x" * 300_000 + "\nquorum none\n", 0),
        ("quorum none\ud800\n", 0),
    ],
)  # fmt: skip
def test_what_is_no_policy_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(MalformedPolicy) as refused:
        parse_policy(text)
    assert refused.value.line == line


def test_more_witnesses_than_a_note_has_room_for_are_refused() -> None:
    keys = [Cosigner(f"w{number}", private_key(100 + number)).verifier.text for number in range(64)]
    lines = [f"witness w{number} {key}" for number, key in enumerate(keys)]
    assert len(parse_policy("\n".join([*lines[:63], "quorum none\n"])).witnesses) == 63
    with pytest.raises(MalformedPolicy, match="63"):
        parse_policy("\n".join([*lines, "quorum none\n"]))


def test_names_are_octets_not_characters() -> None:
    kelvin = WITNESSES["X1"].verifier.text
    text = b"witness K " + kelvin.encode() + b"\nwitness \xe2\x84\xaa " + WITNESSES["X2"].verifier.text.encode()
    policy = parse_policy(text + b"\nwitness \xff " + WITNESSES["X3"].verifier.text.encode() + b"\nquorum \xff\n")
    assert [witness.name for witness in policy.witnesses] == ["K", "\u212a", "\udcff"]
    assert format_policy(policy).encode(errors="surrogateescape").endswith(b"quorum \xff\n")
    with pytest.raises(MalformedPolicy):
        parse_policy(b"witness K \xff" + kelvin.encode() + b"\nquorum K\n")


names = st.text(
    st.characters(blacklist_characters=" \t\n#", blacklist_categories=("Cc", "Cs", "Zs", "Zl", "Zp")), min_size=1
)
urls = st.none() | st.just("https://witness.example/w?a=1#b")


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    count = draw(st.integers(0, 5))
    defined = draw(
        st.lists(names.filter(lambda name: name != "none"), min_size=2 * count, max_size=2 * count, unique=True)
    )
    witnesses = tuple(
        PolicyWitness(name, Cosigner(f"w{at}", private_key(50 + at)).verifier, draw(urls))
        for at, name in enumerate(defined[:count])
    )
    free, groups = [witness.name for witness in witnesses], []
    for name in defined[count:]:
        if not free:
            break
        members = draw(st.lists(st.sampled_from(free), min_size=1, unique=True))
        groups.append(Group(name, draw(st.integers(1, len(members))), tuple(members)))
        free = [other for other in free if other not in members] + [name]
    quorum = draw(st.sampled_from(["none", *[w.name for w in witnesses], *[group.name for group in groups]]))
    return Policy((PolicyLog(LOG.verifier, draw(urls)),), witnesses, tuple(groups), quorum)


@given(policies())
def test_a_policy_survives_its_text(policy: Policy) -> None:
    text = format_policy(policy)
    read = parse_policy(text)
    assert (read.groups, read.quorum, format_policy(read)) == (policy.groups, policy.quorum, text)
    assert [(w.name, w.url) for w in read.witnesses] == [(w.name, w.url) for w in policy.witnesses]


@given(policies(), st.data())
def test_more_cosignatures_never_break_a_quorum(policy: Policy, data: st.DataObject) -> None:
    everyone = [witness.name for witness in policy.witnesses]
    some = data.draw(st.sets(st.sampled_from(everyone))) if everyone else set()
    assert policy.satisfied_by(everyone)
    assert policy.satisfied_by([]) is (policy.quorum == "none")
    if policy.satisfied_by(some):
        assert policy.satisfied_by([*some, everyone[0]] if everyone else some)


@given(st.binary(max_size=200))
def test_whatever_stands_in_a_policy_is_read_or_refused(text: bytes) -> None:
    try:
        parse_policy(text)
    except MalformedPolicy:
        return
    assert b"quorum" in text


def test_a_deep_chain_of_groups_does_not_exhaust_the_stack() -> None:
    chain = [f"group g{at} all g{at - 1}" for at in range(1, 5000)]
    policy = parse_policy("\n".join([X1, "group g0 all X1", *chain, "quorum g4999\n"]))
    assert policy.satisfied_by(["X1"])


def test_what_is_no_note_holds_for_no_policy() -> None:
    with pytest.raises(MalformedNote):
        verify_policy("no note", log_policy(LOG.verifier))
