"""Signed tree heads: C2SP signed-note with Ed25519, and the tlog-checkpoint text in it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import MalformedNote, SignatureError
from .merkle import HASH_BYTES

MAX_NOTE_BYTES: Final = 64 * 1024
_MAX_SIGNATURES = 64
_ED25519 = b"\x01"  # signed-note, "Signature types"
_SIGNATURE_LINE = re.compile(r"\u2014 (?P<name>\S+) (?P<signature>[A-Za-z0-9+/]+={0,2})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_KEY_ID = re.compile(r"[0-9a-f]{8}", re.ASCII)


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: whose, how large, which root (RFC 9162 tree head)."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The note text: three lines, each ended by a newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"


@dataclass(frozen=True)
class NoteSignature:
    """One signature line of a note."""

    key_name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True)
class Note:
    """A note whose form is right; nothing says yet that a signature holds."""

    text: str
    signatures: tuple[NoteSignature, ...]


class VerifierKey:
    """A named Ed25519 key that notes are checked against."""

    def __init__(self, name: str, public_key: Ed25519PublicKey) -> None:
        """``name`` must not be empty nor hold white space or ``+``; raises :class:`MalformedNote`."""
        _check_name(name)
        self.name = name
        self._public_key = public_key
        self._raw = public_key.public_bytes_raw()
        self.key_id = hashlib.sha256(name.encode() + b"\n" + _ED25519 + self._raw).digest()[:4]

    @property
    def text(self) -> str:
        """``<name>+<key id in hexadecimal>+<base64 of the type byte and the key>``, as Go's note package."""
        encoded = base64.b64encode(_ED25519 + self._raw).decode("ascii")
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """The inverse of :attr:`text`; raises :class:`MalformedNote`."""
        parts = text.split("+", 2)
        if len(parts) != 3 or not _KEY_ID.fullmatch(parts[1]):
            raise MalformedNote("not a verifier key: <name>+<key id>+<key>")
        encoded = _decode_base64(parts[2])
        if len(encoded) != 33 or encoded[:1] != _ED25519:
            raise MalformedNote("not an Ed25519 verifier key")
        key = cls(parts[0], Ed25519PublicKey.from_public_bytes(encoded[1:]))
        if key.key_id.hex() != parts[1]:
            raise MalformedNote("the key id does not belong to the key")
        return key

    def verify(self, note: Note) -> None:
        """Demand this key's signature.

        Raises:
            SignatureError: the note has none, or one that does not hold.
        """
        ours = [given for given in note.signatures if (given.key_name, given.key_id) == (self.name, self.key_id)]
        if not ours:
            raise SignatureError(self.name, "the note bears no signature of this key")
        for given in ours:
            try:
                self._public_key.verify(given.signature, note.text.encode())
            except InvalidSignature as error:
                raise SignatureError(self.name, "the signature does not hold") from error


class SigningKey:
    """A named Ed25519 private key. It never prints."""

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        """``name`` is the log's origin; raises :class:`MalformedNote` when a note can't carry it."""
        self._private_key = private_key
        self.verifier = VerifierKey(name, private_key.public_key())

    def __repr__(self) -> str:
        return f"SigningKey({self.verifier.name!r})"

    def sign(self, checkpoint: Checkpoint) -> str:
        """The checkpoint as a signed note with one signature line."""
        if "\n" in checkpoint.origin or not checkpoint.origin:
            raise MalformedNote("an origin is one line that is not empty")
        text = checkpoint.text
        signature = self.verifier.key_id + self._private_key.sign(text.encode())
        return f"{text}\n\u2014 {self.verifier.name} {base64.b64encode(signature).decode('ascii')}\n"


def parse_note(note: str | bytes) -> Note:
    """Split a signed note into its text and its signatures, as C2SP signed-note, "Format", demands.

    Raises:
        MalformedNote: it is none.
    """
    try:
        encoded = note if isinstance(note, bytes) else note.encode()
        text = encoded.decode()
    except UnicodeError as error:
        raise MalformedNote("a note is UTF-8") from error
    if len(encoded) > MAX_NOTE_BYTES:
        raise MalformedNote(f"a note of more than {MAX_NOTE_BYTES} bytes")
    if any(character < " " and character != "\n" for character in text):
        raise MalformedNote("control characters in a note")
    body, separator, lines = text.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise MalformedNote("no signatures after an empty line")
    signature_lines = lines[:-1].split("\n")
    if len(signature_lines) > _MAX_SIGNATURES:
        raise MalformedNote(f"more than {_MAX_SIGNATURES} signatures")
    return Note(body + "\n", tuple(_parse_signature(line) for line in signature_lines))


def parse_checkpoint(note: Note) -> Checkpoint:
    """The checkpoint in a note's text. Verify the note first: this proves nothing.

    Raises:
        MalformedNote: the text is no checkpoint.
    """
    lines = note.text.split("\n")
    if len(lines) < 4 or "" in lines[:-1]:
        raise MalformedNote("a checkpoint has three lines or more, none empty")
    origin, size, root = lines[:3]
    if not _SIZE.fullmatch(size):
        raise MalformedNote("a tree size is a decimal number without leading zeros")
    root_bytes = _decode_base64(root)
    if len(root_bytes) != HASH_BYTES:
        raise MalformedNote("a root has 32 bytes")
    return Checkpoint(origin, int(size), root_bytes)


def open_checkpoint(note: str | bytes, key: VerifierKey) -> Checkpoint:
    """The checkpoint of the log whose key and name ``key`` is.

    Raises:
        MalformedNote: not a signed checkpoint, or one of another origin.
        SignatureError: the key's signature is missing or does not hold.
    """
    parsed = parse_note(note)
    key.verify(parsed)
    checkpoint = parse_checkpoint(parsed)
    if checkpoint.origin != key.name:
        raise MalformedNote("a checkpoint of another origin")
    return checkpoint


def _parse_signature(line: str) -> NoteSignature:
    match = _SIGNATURE_LINE.fullmatch(line)
    if match is None:
        raise MalformedNote("not a signature line")
    _check_name(match["name"])
    content = _decode_base64(match["signature"])
    if len(content) < 5:
        raise MalformedNote("a signature without content")
    return NoteSignature(match["name"], content[:4], content[4:])


def _check_name(name: str) -> None:
    if not name or "+" in name or any(character.isspace() or character < " " for character in name):
        raise MalformedNote("a key name is not empty and has no white space and no '+'")


def _decode_base64(text: str) -> bytes:
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedNote("not base64") from error
    if base64.b64encode(decoded).decode("ascii") != text:
        raise MalformedNote("not the canonical base64")
    return decoded
