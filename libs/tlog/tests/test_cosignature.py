from __future__ import annotations

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_tlog.checkpoint import Checkpoint, Note, NoteSignature, SigningKey, VerifierKey, parse_note
from evote_tlog.cosignature import Cosigner, CosignerKey
from evote_tlog.errors import MalformedNote, SignatureError, TlogError
from hypothesis import given
from hypothesis import strategies as st

# Made by filippo.io/torchwood v0.9.0: torchwood/main.go, make 11 5
TORCHWOOD = json.loads((Path(__file__).parent / "torchwood_vectors.json").read_text())
# C2SP tlog-cosignature, the example of its introduction; its keys are not in the text.
C2SP_COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "\u2014 example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "\u2014 witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
LOG = SigningKey("vote.city.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(bytes(32)))
NOTE = parse_note(LOG.sign(Checkpoint(LOG.verifier.name, 42, bytes(range(32)))))
TIME = 1_795_000_000


def cosigned(note: Note, *signatures: NoteSignature) -> Note:
    return Note(note.text, (*note.signatures, *signatures))


def test_a_cosignature_that_another_implementation_made_holds() -> None:
    key = CosignerKey.parse(TORCHWOOD["witness"])
    assert key.text == TORCHWOOD["witness"]
    note = parse_note(TORCHWOOD["proof"].partition("\n\n")[2])
    assert key.verify(note) > 1_700_000_000
    VerifierKey.parse(TORCHWOOD["log"]).verify(note)


def test_our_cosignature_is_the_one_that_another_implementation_made() -> None:
    note = parse_note(TORCHWOOD["proof"].partition("\n\n")[2])
    signer = Cosigner("witness.example/torchwood", Ed25519PrivateKey.from_private_bytes(bytes([7]) + bytes(31)))
    [theirs] = note.of(signer.verifier.name, signer.verifier.key_id)
    assert signer.cosign(note, signer.verifier.verify(note)) == theirs


def test_the_c2sp_example_has_its_time_in_the_first_eight_bytes() -> None:
    witness = parse_note(C2SP_COSIGNED).signatures[1]
    assert (witness.key_id.hex(), len(witness.signature)) == ("8d66cf3f", 72)
    assert int.from_bytes(witness.signature[:8], "big") == 1679315147  # as in "Ed25519 signed message"


@given(st.integers(1, 2**63 - 1))
def test_a_cosignature_says_when(time: int) -> None:
    note = cosigned(NOTE, WITNESS.cosign(NOTE, time))
    text = note.text + "\n" + "".join(signature.line for signature in note.signatures)
    assert WITNESS.verifier.verify(parse_note(text)) == time


@given(st.data())
def test_no_changed_bit_of_a_cosignature_is_accepted(data: st.DataObject) -> None:
    ours = WITNESS.cosign(NOTE, TIME)
    changed = bytearray(ours.signature)
    at = data.draw(st.integers(0, len(changed) - 1))
    changed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(SignatureError):
        WITNESS.verifier.verify(cosigned(NOTE, NoteSignature(ours.key_name, ours.key_id, bytes(changed))))


def test_a_cosignature_covers_every_line_of_the_checkpoint() -> None:
    longer = Note(NOTE.text + "extension\n", NOTE.signatures)
    WITNESS.verifier.verify(cosigned(longer, WITNESS.cosign(longer, TIME)))
    with pytest.raises(SignatureError):
        WITNESS.verifier.verify(cosigned(longer, WITNESS.cosign(NOTE, TIME)))


def test_one_bad_cosignature_of_a_known_witness_spoils_the_note() -> None:
    good, other = WITNESS.cosign(NOTE, TIME), WITNESS.cosign(Note("other\n", ()), TIME)
    with pytest.raises(SignatureError, match="does not hold"):
        WITNESS.verifier.verify(cosigned(NOTE, good, other))
    with pytest.raises(SignatureError, match="no cosignature"):
        WITNESS.verifier.verify(NOTE)
    with pytest.raises(SignatureError, match="72 bytes"):
        WITNESS.verifier.verify(cosigned(NOTE, NoteSignature(good.key_name, good.key_id, good.signature[:-1])))


def test_a_time_of_zero_or_of_more_than_63_bits_is_none() -> None:
    for time in (0, 2**63):
        with pytest.raises(SignatureError, match="time"):
            WITNESS.verifier.verify(cosigned(NOTE, WITNESS.cosign(NOTE, time)))


def test_a_key_of_one_role_is_not_taken_for_the_other() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    log, witness = SigningKey("same.example", key), Cosigner("same.example", key)
    assert log.verifier.key_id != witness.verifier.key_id
    with pytest.raises(MalformedNote, match="type 04"):
        CosignerKey.parse(log.verifier.text)
    with pytest.raises(MalformedNote, match="type 01"):
        VerifierKey.parse(witness.verifier.text)


@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda content: f"w+00000000+{content.hex()}"))
def test_no_text_but_a_key_is_a_key(text: str) -> None:
    with pytest.raises(TlogError):
        CosignerKey.parse(text)


def test_a_cosigner_does_not_print() -> None:
    assert repr(WITNESS) == "Cosigner('witness.example/w1')"
