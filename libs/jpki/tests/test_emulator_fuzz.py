"""Whatever bytes a reader sends, the card answers, gives nothing away and never gives a try back."""

from __future__ import annotations

from typing import ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from evote_jpki.authority import generate_card_keys
from evote_jpki.emulator import EmulatedCard, KeySlot
from evote_jpki.files import APPLICATION_ID, DIGITAL_SIGNATURE, SHA256_DIGEST_INFO, USER_AUTHENTICATION, KeyFiles
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

PINS = {USER_AUTHENTICATION: b"1234", DIGITAL_SIGNATURE: b"ABC123"}
# Which file a byte comes from can be told from the byte.
USER_CERTIFICATE, SIGNATURE_CERTIFICATE, ISSUER = b"\x11" * 900, b"\x22" * 1100, b"\x33" * 700
DIGEST_INFO = SHA256_DIGEST_INFO + bytes(32)
HEADS = [
    "00A4040C",
    "00A4020C",
    "00B00000",
    "00B08100",
    "00B08A00",
    "00200080",
    "00200098",
    "0020009B",
    "802A0080",
    "802A0097",
    "802A009A",
]
FILES = (0x0001, 0x0002, 0x0006, 0x000A, 0x000B, 0x0017, 0x0018, 0x001A, 0x001B, 0x0099)

groups = st.sampled_from([USER_AUTHENTICATION, DIGITAL_SIGNATURE])
heads = st.sampled_from([bytes.fromhex(head) for head in HEADS])
bodies = st.sampled_from(
    [APPLICATION_ID, b"1234", b"ABC123", DIGEST_INFO, bytes(255), *(bytes([0, file]) for file in FILES[:-1])]
)
well_formed = (
    st.builds(lambda head, body: head + bytes([len(body)]) + body + b"\0", heads, bodies)
    | st.builds(lambda head, body: head + b"\0\0" + bytes([len(body)]) + body + b"\0\0", heads, bodies)
    | st.builds(lambda head, expected: head + expected, heads, st.sampled_from([b"", b"\0", b"\x10", b"\0\0\0"]))
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A command with bytes changed, left out, put in or repeated."""
    raw = bytearray(draw(well_formed))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(raw)))
        raw[place : place + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(raw)


selected = precondition(lambda machine: machine.selected)


class CardAgainstModel(RuleBasedStateMachine):
    """A few words of model beside the card: what is selected, what is verified, and the tries left."""

    keys: ClassVar = generate_card_keys()

    def __init__(self) -> None:
        super().__init__()
        self.card = EmulatedCard(
            KeySlot(USER_AUTHENTICATION, USER_CERTIFICATE, ISSUER, self.keys.user_authentication, "1234"),
            KeySlot(DIGITAL_SIGNATURE, SIGNATURE_CERTIFICATE, ISSUER, self.keys.digital_signature, "ABC123"),
        )
        self.selected = False
        self.verified = dict.fromkeys(PINS, False)
        self.tries = {files: files.tries for files in PINS}

    @rule()
    def select_application(self) -> None:
        assert self.send(b"\x00\xa4\x04\x0c\x0a" + APPLICATION_ID) == b"\x90\x00"
        self.selected, self.verified = True, dict.fromkeys(PINS, False)

    @rule()
    def take_out_and_put_back(self) -> None:
        self.card.reset()
        self.selected, self.verified = False, dict.fromkeys(PINS, False)

    @selected
    @rule(files=groups)
    def verify_rightly(self, files: KeyFiles) -> None:
        self.verify(files, PINS[files])

    @selected
    @rule(files=groups, pin=st.sampled_from([b"0000", b"ABC124", b"12345", b"123", b"\xff" * 16]))
    def verify_wrongly(self, files: KeyFiles, pin: bytes) -> None:
        self.verify(files, pin)

    @selected
    @rule(files=groups)
    def ask_for_tries(self, files: KeyFiles) -> None:
        self.select(files.pin)
        assert self.send(b"\x00\x20\x00\x80") == bytes([0x63, 0xC0 | self.tries[files]])

    @selected
    @rule(files=groups)
    def sign(self, files: KeyFiles) -> None:
        self.select(files.key)
        answer = self.send(b"\x80\x2a\x00\x80" + bytes([len(DIGEST_INFO)]) + DIGEST_INFO + b"\0")
        assert answer[-2:] == (b"\x90\x00" if self.verified[files] else b"\x69\x82")

    @selected
    @rule(offset=st.integers(0, 1200), length=st.integers(1, 256))
    def read_the_signature_certificate(self, offset: int, length: int) -> None:
        self.select(DIGITAL_SIGNATURE.certificate)
        answer = self.send(b"\x00\xb0" + offset.to_bytes(2, "big") + bytes([length % 256]))
        if not self.verified[DIGITAL_SIGNATURE]:
            assert answer == b"\x69\x82"
        elif offset < len(SIGNATURE_CERTIFICATE):
            assert answer == SIGNATURE_CERTIFICATE[offset : offset + length] + b"\x90\x00"
        else:
            assert answer == b"\x6b\x00"

    @rule(raw=mutated() | well_formed | st.binary(max_size=40) | st.binary(max_size=70_000))
    def anything_else(self, raw: bytes) -> None:
        before = [slot.tries_left for slot in self.card.slots]
        was_verified = [slot.verified for slot in self.card.slots]
        self.send(raw)
        for number, slot in enumerate(self.card.slots):
            knows_pin = PINS[slot.files] in raw and before[number] > 0
            assert before[number] - 1 <= slot.tries_left
            assert slot.tries_left <= before[number] or (knows_pin and slot.tries_left == slot.files.tries)
            assert not slot.verified or was_verified[number] or knows_pin
            # What may have changed is taken over: the other rules go on from here.
            self.verified[slot.files], self.tries[slot.files] = slot.verified, slot.tries_left
        selected = self.send(b"\x00\xa4\x02\x0c\x02\x00\x0a") == b"\x90\x00"
        assert selected == self.selected or APPLICATION_ID in raw
        self.selected = selected

    @invariant()
    def tries_are_those_of_the_model(self) -> None:
        assert {slot.files: slot.tries_left for slot in self.card.slots} == self.tries
        assert {slot.files: slot.verified for slot in self.card.slots} == self.verified

    def verify(self, files: KeyFiles, pin: bytes) -> None:
        self.select(files.pin)
        status = self.send(b"\x00\x20\x00\x80" + bytes([len(pin)]) + pin)
        if self.tries[files] == 0:
            assert status == b"\x69\x84"
            return
        self.verified[files] = pin == PINS[files]
        self.tries[files] = files.tries if self.verified[files] else self.tries[files] - 1
        assert status == (b"\x90\x00" if self.verified[files] else bytes([0x63, 0xC0 | self.tries[files]]))

    def select(self, file: int) -> None:
        assert self.send(b"\x00\xa4\x02\x0c\x02" + file.to_bytes(2, "big")) == b"\x90\x00"

    def send(self, raw: bytes) -> bytes:
        """The card's answer, which is well formed and holds nothing that is not to be had without a PIN."""
        answer = self.card.transmit(raw)
        data, status = answer[:-2], answer[-2:]
        assert len(status) == 2 and status[0] >> 4 in (6, 9)
        assert not data or status == b"\x90\x00"
        if set(data) == {SIGNATURE_CERTIFICATE[0]}:
            assert self.card.slots[1].verified
        for slot in self.card.slots:
            assert slot.verified or not is_signature(data, slot.key)
        return answer


def is_signature(data: bytes, key: rsa.RSAPrivateKey) -> bool:
    public = key.public_key().public_numbers()
    return len(data) == 256 and pow(int.from_bytes(data), public.e, public.n) >> (2048 - 16) == 0x0001


TestCardAgainstModel = pytest.mark.slow(CardAgainstModel.TestCase)
TestCardAgainstModel.settings = settings(max_examples=300, stateful_step_count=40)


def test_the_judge_knows_a_signature_when_it_sees_one() -> None:
    machine = CardAgainstModel()
    machine.select_application()
    machine.verify(USER_AUTHENTICATION, b"1234")
    machine.select(USER_AUTHENTICATION.key)
    signature = machine.send(b"\x80\x2a\x00\x80" + bytes([len(DIGEST_INFO)]) + DIGEST_INFO + b"\0")[:-2]
    assert is_signature(signature, machine.keys.user_authentication)
    assert not is_signature(signature, machine.keys.digital_signature)
