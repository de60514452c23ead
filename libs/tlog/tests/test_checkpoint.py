from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_tlog.checkpoint import (
    Checkpoint,
    Note,
    SigningKey,
    VerifierKey,
    open_checkpoint,
    parse_checkpoint,
    parse_note,
)
from evote_tlog.errors import MalformedNote, SignatureError, TlogError
from hypothesis import given
from hypothesis import strategies as st

# golang.org/x/mod/sumdb/note, note_test.go
GO_VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_SIGNER_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = (
    GO_TEXT + "\n\u2014 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
# C2SP tlog-checkpoint, the example of its introduction
C2SP_CHECKPOINT = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
)
ORIGIN = "vote.city.example/log"
KEY = SigningKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
ROOT = bytes(range(32))


def test_the_go_note_packages_example_verifies() -> None:
    key = VerifierKey.parse(GO_VERIFIER)
    assert (key.name, key.key_id.hex(), key.text) == ("PeterNeumann", "c74f20a3", GO_VERIFIER)
    note = parse_note(GO_NOTE)
    assert note.text == GO_TEXT
    key.verify(note)
    signer = SigningKey("PeterNeumann", Ed25519PrivateKey.from_private_bytes(GO_SIGNER_SEED))
    assert signer.verifier.text == GO_VERIFIER


def test_our_signature_over_the_go_example_is_the_go_signature() -> None:
    signer = SigningKey("PeterNeumann", Ed25519PrivateKey.from_private_bytes(GO_SIGNER_SEED))
    [signature] = parse_note(GO_NOTE).signatures
    assert signer.verifier.key_id == signature.key_id
    assert Ed25519PrivateKey.from_private_bytes(GO_SIGNER_SEED).sign(GO_TEXT.encode()) == signature.signature


def test_the_c2sp_example_is_read() -> None:
    note = parse_note(C2SP_CHECKPOINT)
    checkpoint = parse_checkpoint(note)
    assert checkpoint.origin == "example.com/behind-the-sofa"
    assert checkpoint.size == 20852163
    assert checkpoint.text == note.text
    assert [signature.key_name for signature in note.signatures] == ["example.com/behind-the-sofa"]


def test_every_mangled_verifier_key_is_refused() -> None:
    for start in range(len(GO_VERIFIER)):
        for end in range(start + 1, len(GO_VERIFIER) + 1):
            if (start, end) != (0, len(GO_VERIFIER)):
                with pytest.raises(TlogError):
                    VerifierKey.parse(GO_VERIFIER[start:end])
    for at, character in enumerate(GO_VERIFIER):
        with pytest.raises(TlogError):
            VerifierKey.parse(GO_VERIFIER[:at] + chr(ord(character) + 1) + GO_VERIFIER[at + 1 :])
    for text in (
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        GO_VERIFIER + "\n",
    ):
        with pytest.raises(TlogError):
            VerifierKey.parse(text)


@given(st.integers(0, 2**62), st.binary(min_size=32, max_size=32))
def test_a_signed_checkpoint_is_opened_with_its_key(size: int, root: bytes) -> None:
    checkpoint = Checkpoint(ORIGIN, size, root)
    note = KEY.sign(checkpoint)
    assert open_checkpoint(note, VerifierKey.parse(KEY.verifier.text)) == checkpoint
    assert open_checkpoint(note.encode(), KEY.verifier) == checkpoint


@given(st.data())
def test_no_changed_byte_of_a_checkpoint_is_accepted(data: st.DataObject) -> None:
    note = bytearray(KEY.sign(Checkpoint(ORIGIN, 42, ROOT)).encode())
    at = data.draw(st.integers(0, len(note) - 1))
    note[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(TlogError):
        open_checkpoint(bytes(note), KEY.verifier)


def test_signatures_of_unknown_keys_are_ignored_and_ours_must_hold() -> None:
    note = KEY.sign(Checkpoint(ORIGIN, 42, ROOT))
    stranger = SigningKey("witness.example", Ed25519PrivateKey.from_private_bytes(bytes(32)))
    other_line = stranger.sign(Checkpoint(ORIGIN, 42, ROOT)).rpartition("\n\n")[2]
    assert open_checkpoint(note + other_line, KEY.verifier).size == 42
    with pytest.raises(SignatureError, match="no signature"):
        open_checkpoint(stranger.sign(Checkpoint(ORIGIN, 42, ROOT)), KEY.verifier)
    forged = note + KEY.sign(Checkpoint(ORIGIN, 43, ROOT)).rpartition("\n\n")[2]
    with pytest.raises(SignatureError, match="does not hold"):
        open_checkpoint(forged, KEY.verifier)


def test_a_checkpoint_of_another_origin_is_refused_even_under_our_key() -> None:
    with pytest.raises(MalformedNote, match="origin"):
        open_checkpoint(KEY.sign(Checkpoint("elsewhere.example/log", 1, ROOT)), KEY.verifier)


GOOD_LINE = KEY.sign(Checkpoint(ORIGIN, 1, ROOT)).rpartition("\n\n")[2]


@pytest.mark.parametrize(
    "note",
    [
        "", "\n", "\n\n", "text\n", "text\n\n", f"text\n{GOOD_LINE}", f"text\n\n{GOOD_LINE[:-1]}",
        f"text\n\n{GOOD_LINE}extra\n", f"text\r\n\n{GOOD_LINE}", f"te\x00xt\n\n{GOOD_LINE}", f"te\txt\n\n{GOOD_LINE}",
        "text\n\n\u2014 name \n",
        "text\n\n\u2014 name AAAA\n", "text\n\n- name AAAAAAAA\n", "text\n\n\u2014  AAAAAAAA\n",
        "text\n\n\u2014 na+me AAAAAAAAAA==\n", "text\n\n\u2014 name AAAAAAAAA\n", "text\n\n\u2014 name AAAAAAAAAB==\n",
        "text\n\n" + GOOD_LINE * 65, "x" * 70_000 + f"\n\n{GOOD_LINE}", "text\ud800\n\n" + GOOD_LINE,
    ],
)  # fmt: skip
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(MalformedNote):
        parse_note(note)


def test_bytes_that_are_no_utf8_are_no_note() -> None:
    with pytest.raises(MalformedNote):
        parse_note(b"\xff\n\n" + GOOD_LINE.encode())


@pytest.mark.parametrize(
    "text",
    [
        "o\n1\n", "o\n01\nR\n", "o\n-1\nR\n", "o\n1.0\nR\n", "o\n\nR\n", "\n1\nR\n", "o\n１\nR\n", "o\n1\nRR\n",
        "o\n1\nAAAA\n", "o\n1\nR\n\n", "o\n9999999999999999999999\nR\n",
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    root = base64.b64encode(ROOT).decode()
    with pytest.raises(MalformedNote):
        parse_checkpoint(Note(text.replace("R", root), ()))
    assert parse_checkpoint(Note(f"o\n1\n{root}\nextension\n", ())).size == 1


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u3000b", "a\nb"])
def test_a_key_name_has_no_space_and_no_plus(name: str) -> None:
    with pytest.raises(MalformedNote):
        SigningKey(name, Ed25519PrivateKey.from_private_bytes(bytes(32)))


def test_a_signing_key_does_not_print() -> None:
    assert repr(KEY) == f"SigningKey('{ORIGIN}')"
    with pytest.raises(MalformedNote):
        KEY.sign(Checkpoint("two\nlines", 1, ROOT))
