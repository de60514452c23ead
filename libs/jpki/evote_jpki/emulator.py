"""An emulated card: the JPKI application at the APDU level, with two key pairs and retry counters."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

from . import apdu
from .apdu import Command, MalformedApdu, Response, parse_command
from .files import APPLICATION_ID, DIGITAL_SIGNATURE, KeyFiles


@dataclass
class KeySlot:
    """One key pair on the card: its certificate and its issuer's (DER), the key, the PIN, and the tries left."""

    files: KeyFiles
    certificate: bytes
    issuer: bytes
    key: rsa.RSAPrivateKey = field(repr=False)
    pin: str = field(repr=False)
    tries_left: int = -1
    """-1: all of them."""
    verified: bool = False

    def __post_init__(self) -> None:
        if not self.files.pin_form.fullmatch(self.pin):
            raise ValueError("a PIN has 4 digits, a password 6 to 16 upper-case letters and digits")
        if self.tries_left < 0:
            self.tries_left = self.files.tries


class EmulatedCard:
    """Answers APDUs as the JPKI application does; everything else it refuses as a real card would.

    Selecting the application again forgets verified PINs; retry counters stay, and ``keep`` may store them.
    """

    def __init__(
        self,
        user_authentication: KeySlot,
        digital_signature: KeySlot,
        *,
        keep: Callable[[EmulatedCard], None] = lambda _: None,
    ) -> None:
        """``keep`` is called whenever a retry counter has changed, before the card answers."""
        self.slots = (user_authentication, digital_signature)
        self._keep = keep
        self._application_selected = False
        self._file: int | None = None
        self._instructions: dict[int, Callable[[Command], Response]] = {
            0xA4: self._select,
            0xB0: self._read_binary,
            0x20: self._verify,
            0x2A: self._compute_signature,
        }

    def transmit(self, raw: bytes) -> bytes:
        """Answer one command APDU."""
        try:
            command = parse_command(raw)
        except MalformedApdu:
            return _status(apdu.WRONG_LENGTH).encode()
        instruction = self._instructions.get(command.ins)
        if command.cla not in (0x00, 0x80):
            return _status(apdu.CLASS_NOT_SUPPORTED).encode()
        if instruction is None or (command.cla == 0x80) != (command.ins == 0x2A):
            return _status(apdu.INSTRUCTION_NOT_SUPPORTED).encode()
        return instruction(command).encode()

    def reset(self) -> None:
        """The card is taken out or loses power."""
        self._application_selected = False
        self._file = None
        self._forget_pins()

    def _select(self, command: Command) -> Response:
        if command.p1 == 0x04:
            if command.data != APPLICATION_ID:
                return _status(apdu.FILE_NOT_FOUND)
            self.reset()
            self._application_selected = True
            return _status(apdu.SUCCESS)
        if (command.p1, command.p2) != (0x02, 0x0C):
            return _status(apdu.INCORRECT_P1_P2)
        if len(command.data) != 2:
            return _status(apdu.WRONG_LENGTH)
        file = int.from_bytes(command.data, "big")
        if not self._application_selected or file not in self._files():
            return _status(apdu.FILE_NOT_FOUND)
        self._file = file
        return _status(apdu.SUCCESS)

    def _read_binary(self, command: Command) -> Response:
        content = self._readable()
        if content is None:
            return _status(apdu.COMMAND_NOT_ALLOWED)
        if self._file == DIGITAL_SIGNATURE.certificate and not self.slots[1].verified:
            return _status(apdu.SECURITY_STATUS_NOT_SATISFIED)
        if command.p1 & 0x80 or command.expected is None:
            return _status(apdu.INCORRECT_P1_P2 if command.p1 & 0x80 else apdu.WRONG_LENGTH)
        offset = command.p1 << 8 | command.p2
        if offset >= len(content):
            return _status(apdu.WRONG_OFFSET)
        return Response(content[offset : offset + command.expected], apdu.SUCCESS)

    def _verify(self, command: Command) -> Response:
        if (command.p1, command.p2) != (0x00, 0x80):
            return _status(apdu.INCORRECT_P1_P2)
        slot = next((slot for slot in self.slots if slot.files.pin == self._file), None)
        if slot is None:
            return _status(apdu.COMMAND_NOT_ALLOWED)
        if slot.tries_left == 0:
            return _status(apdu.REFERENCE_DATA_NOT_USABLE)  # 6984: what the cards answer once locked
        if not command.data:
            return _status(apdu.TRIES_LEFT | slot.tries_left)
        # The try is counted before the PIN is looked at: pulling the card out in between wins nothing.
        self._count(slot, slot.tries_left - 1)
        slot.verified = hmac.compare_digest(command.data, slot.pin.encode())
        if not slot.verified:
            return _status(apdu.TRIES_LEFT | slot.tries_left)
        self._count(slot, slot.files.tries)
        return _status(apdu.SUCCESS)

    def _count(self, slot: KeySlot, tries_left: int) -> None:
        slot.tries_left = tries_left
        self._keep(self)

    def _compute_signature(self, command: Command) -> Response:
        if (command.p1, command.p2) != (0x00, 0x80):
            return _status(apdu.INCORRECT_P1_P2)
        slot = next((slot for slot in self.slots if slot.files.key == self._file), None)
        if slot is None:
            return _status(apdu.COMMAND_NOT_ALLOWED)
        if not slot.verified:
            return _status(apdu.SECURITY_STATUS_NOT_SATISFIED)
        if not command.data:
            return _status(apdu.WRONG_LENGTH)
        try:
            signature = slot.key.sign(command.data, padding.PKCS1v15(), utils.NoDigestInfo())
        except ValueError:
            return _status(apdu.INCORRECT_DATA)
        return Response(signature, apdu.SUCCESS)

    def _files(self) -> set[int]:
        return {
            file
            for slot in self.slots
            for file in (slot.files.certificate, slot.files.issuer, slot.files.key, slot.files.pin)
        }

    def _readable(self) -> bytes | None:
        for slot in self.slots:
            if self._file == slot.files.certificate:
                return slot.certificate
            if self._file == slot.files.issuer:
                return slot.issuer
        return None

    def _forget_pins(self) -> None:
        for slot in self.slots:
            slot.verified = False


def _status(status: int) -> Response:
    return Response(b"", status)
