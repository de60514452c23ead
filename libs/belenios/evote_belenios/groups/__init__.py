"""The groups that elections may use, each behind the same small type."""

from __future__ import annotations

from ..errors import ElectionError
from .base import Element, Group, Power, Random, hash_to_exponent, random_exponent
from .belenios2048 import BELENIOS_2048
from .ed25519 import ED25519

_GROUPS: dict[str, Group] = {group.name: group for group in (ED25519, BELENIOS_2048)}


def group_by_name(name: str) -> Group:
    """The group of a name; ``ElectionError`` when we don't know it."""
    try:
        return _GROUPS[name]
    except KeyError:
        known = ", ".join(sorted(_GROUPS))
        raise ElectionError("election-group", "Groups", f"unknown group; known are {known}") from None


__all__ = [
    "BELENIOS_2048",
    "ED25519",
    "Element",
    "Group",
    "Power",
    "Random",
    "group_by_name",
    "hash_to_exponent",
    "random_exponent",
]
