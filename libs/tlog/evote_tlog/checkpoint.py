"""Signed tree heads: C2SP signed-note with Ed25519, and the tlog-checkpoint text in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .errors import MalformedNote, SignatureError
from .merkle import HASH_BYTES
from .text import check_key_name, decode_base64, encode_base64, format_vkey, key_id, parse_decimal, parse_vkey

MAX_NOTE_BYTES: Final = 64 * 1024
MAX_SIGNATURES: Final = 64
_ED25519 = b"\x01"  # signed-note, "Signature types"
_SIGNATURE_LINE = re.compile(r"\u2014 (?P<name>\S+) (?P<signature>[A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log: whose, how large, which root (RFC 9162 tree head)."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The note text: three lines, each ended by a newline."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"


@dataclass(frozen=True)
class NoteSignature:
    """One signature line of a note."""

    key_name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """As it stands in a note, with its newline."""
        return f"\u2014 {self.key_name} {encode_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True)
class Note:
    """A note whose form is right; nothing says yet that a signature holds."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def of(self, key_name: str, key_id: bytes) -> tuple[NoteSignature, ...]:
        """The signatures that claim to be of one key."""
        return tuple(given for given in self.signatures if (given.key_name, given.key_id) == (key_name, key_id))


class VerifierKey:
    """A named Ed25519 key that notes are checked against."""

    def __init__(self, name: str, public_key: Ed25519PublicKey) -> None:
        """``name`` must not be empty nor hold white space or ``+``; raises :class:`MalformedNote`."""
        check_key_name(name)
        self.name = name
        self._public_key = public_key
        self.public_bytes = public_key.public_bytes_raw()
        self.key_id = key_id(name, _ED25519, self.public_bytes)

    @property
    def text(self) -> str:
        """``<name>+<key id in hexadecimal>+<base64 of the type byte and the key>``, as Go's note package."""
        return format_vkey(self.name, _ED25519, self.public_bytes)

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """The inverse of :attr:`text`; raises :class:`MalformedNote`."""
        return cls(*parse_vkey(text, _ED25519))

    def verify(self, note: Note) -> None:
        """Demand this key's signature.

        Raises:
            SignatureError: the note has none, or one that does not hold.
        """
        ours = note.of(self.name, self.key_id)
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
        signature = NoteSignature(self.verifier.name, self.verifier.key_id, self._private_key.sign(text.encode()))
        return f"{text}\n{signature.line}"


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
    if len(signature_lines) > MAX_SIGNATURES:
        raise MalformedNote(f"more than {MAX_SIGNATURES} signatures")
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
    root_bytes = decode_base64(root)
    if len(root_bytes) != HASH_BYTES:
        raise MalformedNote("a root has 32 bytes")
    return Checkpoint(origin, parse_decimal(size), root_bytes)


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
    check_key_name(match["name"])
    content = decode_base64(match["signature"])
    if len(content) < 5:
        raise MalformedNote("a signature without content")
    return NoteSignature(match["name"], content[:4], content[4:])
