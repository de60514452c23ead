"""Keys: the master key wraps one key for each election; everything about a face hangs from that one."""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from .domain.copies import Sketch
from .domain.likeness import Template
from .domain.refusals import MasterKeyChanged

KEY_BYTES = 32
_NONCE_BYTES = 12
Randomness = Callable[[int], bytes]


class TemplateUnreadable(Exception):
    """A stored template doesn't belong to this election, voter and version, or was changed."""


class SketchUnreadable(Exception):
    """A stored sketch doesn't belong to this election, voter and frame, or was changed."""


@dataclass(frozen=True)
class SealedTemplate:
    """A template as it is stored: turned by its transform, then encrypted (AES-256-GCM, NIST SP 800-38D)."""

    version: int
    nonce: bytes
    ciphertext: bytes = field(repr=False)


class MasterKey:
    """Wraps the elections' keys (AES key wrap, RFC 3394); it doesn't print."""

    def __init__(self, secret: bytes) -> None:
        """``ValueError`` unless there are 32 bytes."""
        if len(secret) != KEY_BYTES:
            raise ValueError("the master key has 32 bytes")
        self._secret = secret

    def __repr__(self) -> str:
        return "MasterKey(…)"

    def wrap(self, key: bytes) -> bytes:
        """What is stored of an election's key."""
        return aes_key_wrap(self._secret, key)

    def unwrap(self, wrapped: bytes) -> ElectionKey:
        """The election's key; ``MasterKeyChanged`` when another master key wrapped it."""
        try:
            return ElectionKey(aes_key_unwrap(self._secret, wrapped))
        except InvalidUnwrap:
            raise MasterKeyChanged from None


class ElectionKey:
    """The key of one election: encrypts its templates, seeds their transforms, keys its digests; it doesn't print."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "ElectionKey(…)"

    def seal(
        self, template: Template, election_uuid: str, voter_ref: str, version: int, nonce: bytes
    ) -> SealedTemplate:
        """Encrypt a template that is turned already."""
        plain = struct.pack(f"<{len(template)}d", *template)
        sealed = AESGCM(self._derive("templates")).encrypt(nonce, plain, _bound_to(election_uuid, voter_ref, version))
        return SealedTemplate(version, nonce, sealed)

    def open(self, sealed: SealedTemplate, election_uuid: str, voter_ref: str) -> Template:
        """Decrypt; the template is still turned. ``TemplateUnreadable`` when it is another's, or was changed."""
        bound_to = _bound_to(election_uuid, voter_ref, sealed.version)
        try:
            plain = AESGCM(self._derive("templates")).decrypt(sealed.nonce, sealed.ciphertext, bound_to)
        except InvalidTag:
            raise TemplateUnreadable from None
        return struct.unpack(f"<{len(plain) // 8}d", plain)

    def transform_seed(self, voter_ref: str, version: int) -> bytes:
        """The secret that a voter's template of this version is turned by."""
        return self._derive(f"transform|{voter_ref}|{version}")

    def frame_digest(self, content: bytes) -> bytes:
        """Tells whether a frame was seen before, to nobody without the key (HMAC-SHA256)."""
        return hmac.digest(self._derive("frames"), content, hashlib.sha256)

    def seal_sketch(self, sketch: Sketch, election_uuid: str, voter_ref: str, digest: bytes, nonce: bytes) -> bytes:
        """Encrypt a frame's sketch, bound to the frame by its digest; the nonce stands in front."""
        plain = struct.pack(f"<{len(sketch)}H", *sketch)
        bound_to = _frame_bound_to(election_uuid, voter_ref, digest)
        return nonce + AESGCM(self._derive("sketches")).encrypt(nonce, plain, bound_to)

    def open_sketch(self, sealed: bytes, election_uuid: str, voter_ref: str, digest: bytes) -> Sketch:
        """Decrypt; ``SketchUnreadable`` when it is another frame's, or was changed."""
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        bound_to = _frame_bound_to(election_uuid, voter_ref, digest)
        try:
            plain = AESGCM(self._derive("sketches")).decrypt(nonce, ciphertext, bound_to)
        except InvalidTag:
            raise SketchUnreadable from None
        return struct.unpack(f"<{len(plain) // 2}H", plain)

    def _derive(self, purpose: str) -> bytes:
        info = f"tsukuba-evote face {purpose}".encode()
        return HKDF(hashes.SHA256(), KEY_BYTES, salt=None, info=info).derive(self._secret)


def new_nonce(random: Randomness) -> bytes:
    """A nonce for one template or sketch."""
    return random(_NONCE_BYTES)


def _bound_to(election_uuid: str, voter_ref: str, version: int) -> bytes:
    return f"{election_uuid}|{voter_ref}|{version}".encode()


def _frame_bound_to(election_uuid: str, voter_ref: str, digest: bytes) -> bytes:
    return f"{election_uuid}|{voter_ref}|".encode() + digest
