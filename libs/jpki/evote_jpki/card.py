"""A JPKI card as a program sees it: small capabilities, spoken over APDUs."""

from __future__ import annotations

import hashlib
from typing import Protocol

from . import apdu
from .apdu import Command, MalformedApdu, Response, Transmit, parse_response
from .files import (
    APPLICATION_ID,
    LARGEST_CERTIFICATE,
    SHA256_DIGEST_INFO,
    KeyFiles,
)

_SELECT, _VERIFY, _READ_BINARY, _COMPUTE_SIGNATURE = 0xA4, 0x20, 0xB0, 0x2A
_LOCKED = (apdu.AUTHENTICATION_METHOD_BLOCKED, apdu.REFERENCE_DATA_NOT_USABLE)
_CHUNK = 256


class CardError(Exception):
    """The card answered with a status that means failure: ``operation`` and ``status`` (such as ``6A82``)."""

    def __init__(self, operation: str, status: int) -> None:
        super().__init__(operation, status)
        self.operation = operation
        self.status = status

    def __str__(self) -> str:
        return f"{self.operation}: the card answered {self.status:04X}"


class GarbledAnswer(CardError):
    """The answer can't be one to the command: ``reason`` says why, and ``status`` is 0."""

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(operation, 0)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.operation}: {self.reason}; clean the card's contacts or try another reader"


class NotAJpkiCard(CardError):
    """The card has no JPKI application."""


class WrongPin(CardError):
    """The PIN or password is wrong; ``tries_left`` more can be tried."""

    def __init__(self, status: int) -> None:
        super().__init__("VERIFY", status)
        self.tries_left = status & 0x0F


class PinLocked(CardError):
    """No tries are left; the municipality can unlock the card."""


class PinMalformed(Exception):
    """This can't be the PIN or password: nothing was sent, so no try is used up."""


class PinProtectedCard(Protocol):
    """A card whose key is unlocked by a PIN."""

    def verify_pin(self, files: KeyFiles, pin: str) -> None:
        """Unlock; ``WrongPin``, ``PinLocked`` or ``PinMalformed`` otherwise."""

    def tries_left(self, files: KeyFiles) -> int:
        """How many tries are left, without using one."""


class SigningCard(Protocol):
    """A card that signs."""

    def read_certificate(self, files: KeyFiles) -> bytes:
        """The certificate in DER."""

    def sign(self, files: KeyFiles, message: bytes) -> bytes:
        """RSA PKCS#1 v1.5 over SHA-256 of the message."""


class JpkiCard:
    """The JPKI application of a card behind ``transmit``; both capabilities.

    Whatever the card answers, a method ends with the right result or with a ``CardError``, after at most
    one command for every 256 bytes of a certificate. What ``transmit`` raises passes through.
    """

    def __init__(self, transmit: Transmit) -> None:
        """Selects the application; ``NotAJpkiCard`` when there is none."""
        self._transmit = transmit
        response = self._send("SELECT", Command(0x00, _SELECT, 0x04, 0x0C, APPLICATION_ID))
        if response.status != apdu.SUCCESS:
            raise NotAJpkiCard("SELECT", response.status)

    def verify_pin(self, files: KeyFiles, pin: str) -> None:
        """Unlock the key of ``files``; raises ``WrongPin`` with the tries left, ``PinLocked`` or ``PinMalformed``."""
        if not files.pin_form.fullmatch(pin):
            raise PinMalformed
        self._select(files.pin)
        response = self._send("VERIFY", Command(0x00, _VERIFY, 0x00, 0x80, pin.encode("ascii")))
        if response.status & 0xFFF0 == apdu.TRIES_LEFT and response.status != apdu.TRIES_LEFT:
            raise WrongPin(response.status)
        if response.status in (*_LOCKED, apdu.TRIES_LEFT):
            raise PinLocked("VERIFY", response.status)
        _check("VERIFY", response)

    def tries_left(self, files: KeyFiles) -> int:
        """The retry counter of a PIN."""
        self._select(files.pin)
        response = self._send("VERIFY", Command(0x00, _VERIFY, 0x00, 0x80))
        if response.status in _LOCKED:
            return 0
        if response.status == apdu.SUCCESS:  # ISO/IEC 7816-4: verified already, which gave all tries back
            return files.tries
        if response.status & 0xFFF0 != apdu.TRIES_LEFT:
            raise CardError("VERIFY", response.status)
        return response.status & 0x0F

    def read_certificate(self, files: KeyFiles) -> bytes:
        """The certificate in DER; the signature certificate can be read only after its password."""
        self._select(files.certificate)
        return self._read_der()

    def sign(self, files: KeyFiles, message: bytes) -> bytes:
        """RSA PKCS#1 v1.5 over SHA-256 of ``message``; the PIN must have been verified."""
        self._select(files.key)
        digest_info = SHA256_DIGEST_INFO + hashlib.sha256(message).digest()
        command = Command(0x80, _COMPUTE_SIGNATURE, 0x00, 0x80, digest_info, _CHUNK)
        signature = self._ask("COMPUTE DIGITAL SIGNATURE", command)
        if not signature:
            raise GarbledAnswer("COMPUTE DIGITAL SIGNATURE", "the card answered success without a signature")
        return signature

    def _select(self, file: int) -> None:
        self._ask("SELECT FILE", Command(0x00, _SELECT, 0x02, 0x0C, file.to_bytes(2, "big")))

    def _read_der(self) -> bytes:
        """Read as many bytes as the DER header at the beginning of the file says."""
        content = self._read(0, 4)
        size = 4 + int.from_bytes(content[2:4], "big")
        if content[:2] != b"\x30\x82" or size > LARGEST_CERTIFICATE:
            raise GarbledAnswer("READ BINARY", "the file doesn't begin as a certificate does")
        while len(content) < size:
            content += self._read(len(content), min(_CHUNK, size - len(content)))
        return content

    def _read(self, offset: int, size: int) -> bytes:
        piece = self._ask("READ BINARY", Command(0x00, _READ_BINARY, offset >> 8, offset & 0xFF, expected=size))
        # Only where a file ends does a card give fewer; a hostile one would keep us busy a byte at a time.
        if len(piece) < size:
            raise GarbledAnswer("READ BINARY", f"{len(piece)} bytes came instead of {size}")
        return piece

    def _ask(self, operation: str, command: Command) -> bytes:
        response = self._send(operation, command)
        _check(operation, response)
        return response.data

    def _send(self, operation: str, command: Command) -> Response:
        try:
            response = parse_response(self._transmit(command.encode()))
        except MalformedApdu as error:
            raise GarbledAnswer(operation, "the answer has no status word") from error
        if len(response.data) > (command.expected or 0):
            raise GarbledAnswer(operation, "the card answered more than it was asked for")
        return response


def _check(operation: str, response: Response) -> None:
    if response.status != apdu.SUCCESS:
        raise CardError(operation, response.status)
