"""The groups that elections may use, each behind the same small type."""

from __future__ import annotations

import re

from ..errors import NotSupported
from .base import DRAWN_BYTES, Element, Group, Power, Random, hash_to_exponent, random_exponent
from .belenios2048 import BELENIOS_2048
from .ed25519 import ED25519

_ED25519_TEXT = re.compile(r"[0-9a-f]{64}", re.ASCII)
_GROUPS: dict[str, Group] = {group.name: group for group in (ED25519, BELENIOS_2048)}


def group_by_name(name: str) -> Group:
    """The group of a name; raises ``NotSupported`` (``election-group``)."""
    try:
        return _GROUPS[name]
    except KeyError:
        known = ", ".join(sorted(_GROUPS))
        raise NotSupported("election-group", "Groups", f"unknown group; known are {known}") from None


def group_of_element(text: str) -> Group:
    """The group whose elements are written like ``text``; whether it is one of them, :meth:`Group.decode` tells.

    A number of ``BELENIOS-2048`` may have 64 digits too, one in about 2^1800 elements: no credential is mistaken.
    """
    return ED25519 if _ED25519_TEXT.fullmatch(text) else BELENIOS_2048


__all__ = [
    "BELENIOS_2048",
    "DRAWN_BYTES",
    "ED25519",
    "Element",
    "Group",
    "Power",
    "Random",
    "group_by_name",
    "group_of_element",
    "hash_to_exponent",
    "random_exponent",
]
