"""Credentials: what a voter types or receives, the exponent behind it, and the public list.

Two formats of private credentials exist (specification, "Credentials"): version 2.0's, 15 characters with a
checksum and PBKDF2, which we issue with ``BELENIOS-2048``, because belenios-tool 2.0 knows no other; and 2.5.1's, 22
characters and SHA-256, which we issue with ``Ed25519``. Either is read with either group.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from .election import BASE58, random_base58
from .errors import CredentialError
from .groups import BELENIOS_2048, Group, Random
from .jsontext import parse_natural

_SECTION = "Credentials"
_SHORT = re.compile(rf"[{BASE58}]{{15}}", re.ASCII)
_LONG = re.compile(rf"[{BASE58}]{{5}}-[{BASE58}]{{6}}-[{BASE58}]{{5}}-[{BASE58}]{{6}}", re.ASCII)
_SHORT_GROUPS = (3, 3, 3, 3, 3)
_LONG_GROUPS = (5, 6, 5, 6)
_SHORT_LENGTH = 19
_PBKDF2_ITERATIONS = 1000
_ENTROPY_BYTES = 32


def generate(group: Group, random: Random) -> str:
    """A new private credential in the group's format."""
    if group is BELENIOS_2048:
        random_part = random_base58(14, random)
        return _with_dashes(random_part + BASE58[53 - _number(random_part) % 53], _SHORT_GROUPS)
    return _with_dashes(random_base58(22, random), _LONG_GROUPS)


def from_entropy(group: Group, entropy: bytes) -> str:
    """The private credential of at least 32 secret bytes: always the same one for the same bytes.

    Raises ``ValueError`` when there are fewer. The bytes are stretched by SHAKE-256 to what
    :func:`generate` would draw.
    """
    if len(entropy) < _ENTROPY_BYTES:
        raise ValueError(f"a credential needs {_ENTROPY_BYTES} secret bytes")
    return generate(group, _shake(entropy))


def parse(text: str) -> str:
    """The canonical text of a private credential as a person may have typed it; the length tells the format.

    Raises ``CredentialError`` for another length, a character outside Base58 or a wrong checksum.
    """
    typed = text.strip()
    if _LONG.fullmatch(typed):
        return typed
    compact = typed.replace("-", "")
    if not _SHORT.fullmatch(compact):
        raise _malformed("a private credential looks like XXXXX-XXXXXX-XXXXX-XXXXXX or XXX-XXX-XXX-XXX-XXX (Base58)")
    if (_number(compact[:14]) + BASE58.index(compact[14])) % 53:
        raise _malformed("the checksum is wrong: a character was mistyped")
    # belenios-tool derives from the text with its dashes, so that is the canonical one.
    return _with_dashes(compact, _SHORT_GROUPS)


def secret_exponent(credential: str, election_uuid: str, group: Group) -> int:
    """The exponent x of a private credential in one election; raises what :func:`parse` raises."""
    canonical = parse(credential)
    if len(canonical) == _SHORT_LENGTH:
        derived = hashlib.pbkdf2_hmac("sha256", canonical.encode(), election_uuid.encode(), _PBKDF2_ITERATIONS)
        return int.from_bytes(derived, "big") % group.order
    halves = (
        hashlib.sha256(f"derive_credential|{election_uuid}|{half}|{canonical}".encode()).digest() for half in (0, 1)
    )
    return int.from_bytes(b"".join(halves), "big") % group.order


def public_credential(credential: str, election_uuid: str, group: Group) -> str:
    """The text of g^x."""
    return group.encode(group.secret_power_generator(secret_exponent(credential, election_uuid, group)))


def parse_public(text: str, group: Group) -> tuple[str, int]:
    """A line of the public list, ``credential`` or ``credential,weight``: its element's text and its weight.

    A weight of zero stands for somebody whose ballots count for nothing, as belenios-tool has it. Raises
    ``EncodingError`` for a bad element or weight.
    """
    element, comma, weight_text = text.partition(",")
    group.decode(element)
    if not comma:
        return element, 1
    return element, parse_natural(weight_text, "a credential's weight")


def _number(characters: str) -> int:
    number = 0
    for character in characters:
        number = number * 58 + BASE58.index(character)
    return number


def _with_dashes(characters: str, lengths: tuple[int, ...]) -> str:
    parts, start = [], 0
    for length in lengths:
        parts.append(characters[start : start + length])
        start += length
    return "-".join(parts)


def _shake(entropy: bytes) -> Callable[[int], bytes]:
    return lambda count: hashlib.shake_256(entropy).digest(count)


def _malformed(detail: str) -> CredentialError:
    return CredentialError("credential-format", _SECTION, detail)
