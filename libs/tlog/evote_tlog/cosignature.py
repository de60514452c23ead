"""C2SP tlog-cosignature with Ed25519: a witness states that, at a time, a checkpoint was the log's largest."""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from .checkpoint import Note, NoteSignature
from .errors import SignatureError
from .text import MAX_SIZE, check_key_name, format_vkey, key_id, parse_vkey

_TIMESTAMPED_ED25519: Final = b"\x04"  # signed-note, "Signature types"
_TIME_BYTES = 8
_SIGNATURE_BYTES = 64


class CosignerKey:
    """A named Ed25519 key of a witness that cosignatures are checked against."""

    def __init__(self, name: str, public_key: Ed25519PublicKey) -> None:
        """``name``: a URL without its scheme, by custom; raises :class:`MalformedNote`."""
        check_key_name(name)
        self.name = name
        self._public_key = public_key
        self.public_bytes = public_key.public_bytes_raw()
        self.key_id = key_id(name, _TIMESTAMPED_ED25519, self.public_bytes)

    @property
    def text(self) -> str:
        """The verifier key, as policies hold it."""
        return format_vkey(self.name, _TIMESTAMPED_ED25519, self.public_bytes)

    @classmethod
    def parse(cls, text: str) -> CosignerKey:
        """The inverse of :attr:`text`; raises :class:`MalformedNote`."""
        return cls(*parse_vkey(text, _TIMESTAMPED_ED25519))

    def verify(self, note: Note) -> int:
        """Demand this witness's cosignature.

        Returns:
            the latest moment for which the witness vouches, in seconds since 1970.

        Raises:
            SignatureError: the note has none, or one that does not hold.
        """
        ours = note.of(self.name, self.key_id)
        if not ours:
            raise SignatureError(self.name, "the note bears no cosignature of this witness")
        return max(self._verify(given, note.text) for given in ours)

    def _verify(self, given: NoteSignature, text: str) -> int:
        if len(given.signature) != _TIME_BYTES + _SIGNATURE_BYTES:
            raise SignatureError(self.name, "a cosignature has 72 bytes")
        time = int.from_bytes(given.signature[:_TIME_BYTES], "big")
        if not 0 < time <= MAX_SIZE:
            raise SignatureError(self.name, "the cosignature's time is not one")
        try:
            self._public_key.verify(given.signature[_TIME_BYTES:], _message(text, time))
        except InvalidSignature as error:
            raise SignatureError(self.name, "the cosignature does not hold") from error
        return time


class Cosigner:
    """A witness's private key. It never prints."""

    def __init__(self, name: str, private_key: Ed25519PrivateKey) -> None:
        """Use the key for nothing else: the signed message does not hold the name (tlog-cosignature)."""
        self._private_key = private_key
        self.verifier = CosignerKey(name, private_key.public_key())

    def __repr__(self) -> str:
        return f"Cosigner({self.verifier.name!r})"

    def cosign(self, note: Note, time: int) -> NoteSignature:
        """State that the checkpoint in ``note`` is the largest seen at ``time`` (seconds since 1970).

        Call it only when that is true and will be remembered: :func:`evote_tlog.witness.advance`.
        """
        signature = self._private_key.sign(_message(note.text, time))
        return NoteSignature(self.verifier.name, self.verifier.key_id, time.to_bytes(_TIME_BYTES, "big") + signature)


def _message(text: str, time: int) -> bytes:
    """Tlog-cosignature, "Ed25519 signed message"."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()
