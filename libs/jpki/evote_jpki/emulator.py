"""An emulated card: the JPKI application at the APDU level, with two key pairs and retry counters."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

from . import apdu
from .apdu import Command, MalformedApdu, Response, parse_command
from .files import APPLICATION_ID, LARGEST_CERTIFICATE, TOKEN, TOKEN_NAME, KeyFiles

_PKCS1_PADDING = 11
_SHORT_NAME = 0x1F
"""The bits of P1 or P2 that name a file by its short identifier; none of them set: the current file."""


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
        if max(len(self.certificate), len(self.issuer)) > LARGEST_CERTIFICATE:
            raise ValueError(f"READ BINARY can't reach beyond {LARGEST_CERTIFICATE} bytes")
        if not -1 <= self.tries_left <= self.files.tries:
            raise ValueError(f"this key has at most {self.files.tries} tries")
        if self.tries_left < 0:
            self.tries_left = self.files.tries


class _Refused(Exception):
    """The card answers with this status word and no data."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status:04X}")
        self.status = status


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
        self._pins = {slot.files.pin: slot for slot in self.slots}
        self._keys = {slot.files.key: slot for slot in self.slots}
        self._instructions: dict[tuple[int, int], Callable[[Command], Response]] = {
            (0x00, 0xA4): self._select,
            (0x00, 0xB0): self._read_binary,
            (0x00, 0x20): self._verify,
            (0x80, 0x2A): self._compute_signature,
        }

    def transmit(self, raw: bytes) -> bytes:
        """Answer one command APDU."""
        try:
            return self._answer(parse_command(raw)).encode()
        except MalformedApdu:
            return Response(b"", apdu.WRONG_LENGTH).encode()
        except _Refused as refused:
            return Response(b"", refused.status).encode()

    def reset(self) -> None:
        """The card is taken out or loses power."""
        self._application_selected = False
        self._file = None
        for slot in self.slots:
            slot.verified = False

    def _answer(self, command: Command) -> Response:
        if command.cla not in {cla for cla, _ in self._instructions}:
            raise _Refused(apdu.CLASS_NOT_SUPPORTED)
        instruction = self._instructions.get((command.cla, command.ins))
        if instruction is None:
            raise _Refused(apdu.INSTRUCTION_NOT_SUPPORTED)
        return instruction(command)

    def _select(self, command: Command) -> Response:
        by_application, by_file = command.p1 == 0x04, command.p1 == 0x02
        if by_application and command.data != APPLICATION_ID:
            raise _Refused(apdu.FILE_NOT_FOUND)
        if not (by_application or by_file) or command.p2 != 0x0C:
            raise _Refused(apdu.INCORRECT_P1_P2)
        if by_application:
            self.reset()
            self._application_selected = True
        elif len(command.data) == 2:
            self._turn_to(int.from_bytes(command.data, "big"))
        else:
            raise _Refused(apdu.WRONG_LENGTH)
        return Response(b"", apdu.SUCCESS)

    def _read_binary(self, command: Command) -> Response:
        if command.data or command.expected is None:
            raise _Refused(apdu.WRONG_LENGTH)
        offset = command.p1 << 8 | command.p2
        if command.p1 & 0x80:
            if command.p1 & 0x60:
                raise _Refused(apdu.INCORRECT_P1_P2)
            self._turn_to_short(command.p1)
            offset = command.p2
        content = self._content()
        if offset >= len(content):
            raise _Refused(apdu.WRONG_OFFSET)
        # Fewer bytes than expected are no error (JICSAP, READ BINARY): the file ends there.
        return Response(content[offset : offset + command.expected], apdu.SUCCESS)

    def _verify(self, command: Command) -> Response:
        slot = self._protected(self._pins, command)
        if not command.data:
            # Of a locked PIN too (63C0): OpenSC gives up on a card that answers anything else here.
            raise _Refused(apdu.TRIES_LEFT | slot.tries_left)
        if slot.tries_left == 0:
            raise _Refused(apdu.REFERENCE_DATA_NOT_USABLE)
        # The try is counted before the PIN is looked at: pulling the card out in between wins nothing.
        slot.verified = False
        self._count(slot, slot.tries_left - 1)
        if not hmac.compare_digest(command.data, slot.pin.encode()):
            raise _Refused(apdu.TRIES_LEFT | slot.tries_left)
        self._count(slot, slot.files.tries)
        slot.verified = True
        return Response(b"", apdu.SUCCESS)

    def _compute_signature(self, command: Command) -> Response:
        slot = self._protected(self._keys, command)
        if not slot.verified:
            raise _Refused(apdu.SECURITY_STATUS_NOT_SATISFIED)
        size = slot.key.key_size // 8
        if not 1 <= len(command.data) <= size - _PKCS1_PADDING or (command.expected or 0) < size:
            raise _Refused(apdu.WRONG_LENGTH)
        return Response(slot.key.sign(command.data, padding.PKCS1v15(), utils.NoDigestInfo()), apdu.SUCCESS)

    def _protected(self, kind: dict[int, KeySlot], command: Command) -> KeySlot:
        """The slot whose PIN or key the command means: P2 is 80 for the current file, or 80 with a short name."""
        if command.p1 != 0x00 or command.p2 & ~_SHORT_NAME != 0x80:
            raise _Refused(apdu.INCORRECT_P1_P2)
        self._turn_to_short(command.p2)
        slot = kind.get(self._current())
        if slot is None:
            raise _Refused(apdu.INCOMPATIBLE_FILE)
        return slot

    def _content(self) -> bytes:
        file = self._current()
        for slot in self.slots:
            if file == slot.files.certificate and slot.files.certificate_hidden and not slot.verified:
                raise _Refused(apdu.SECURITY_STATUS_NOT_SATISFIED)
        if file not in self._contents():
            raise _Refused(apdu.INCOMPATIBLE_FILE)
        return self._contents()[file]

    def _contents(self) -> dict[int, bytes]:
        contents = {TOKEN: TOKEN_NAME}
        for slot in self.slots:
            contents |= {slot.files.certificate: slot.certificate, slot.files.issuer: slot.issuer}
        return contents

    def _current(self) -> int:
        if self._file is None:
            raise _Refused(apdu.COMMAND_NOT_ALLOWED)
        return self._file

    def _turn_to(self, file: int) -> None:
        if not self._application_selected or file not in {*self._contents(), *self._pins, *self._keys}:
            raise _Refused(apdu.FILE_NOT_FOUND)
        self._file = file

    def _turn_to_short(self, parameter: int) -> None:
        if parameter & _SHORT_NAME:
            self._turn_to(parameter & _SHORT_NAME)

    def _count(self, slot: KeySlot, tries_left: int) -> None:
        slot.tries_left = tries_left
        self._keep(self)
