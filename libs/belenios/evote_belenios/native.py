"""The compiled core, libs/belenios-core, where it is installed; without it everything here does its own work.

It reads, verifies and makes ballots in ``Ed25519``, and does that group's arithmetic. This library in Python says what
is right; the core may only be faster. A ballot that the core can't read is read here, so that one place names what is
wrong with a text, and what the core alone would refuse is not refused. ``EVOTE_BELENIOS_CORE=off`` in the environment
leaves the core out: the reference alone then decides, as an auditor may want it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from evote_belenios_core import Election as CompiledElection
    from evote_belenios_core import Sum as CompiledSum

SWITCH: Final = "EVOTE_BELENIOS_CORE"
VERSION: Final = "0.3.0"
"""A core of another version is not of this library, and not used."""


class Core(Protocol):
    """What of the core is used here."""

    @property
    def Election(self) -> type[CompiledElection]: ...  # noqa: N802 - a class

    @property
    def Sum(self) -> type[CompiledSum]: ...  # noqa: N802 - a class

    def ballot_digests(self, casts: Sequence[tuple[str, str, str, str]], /) -> list[bytes | None]: ...

    def orders_signed(self, orders: Sequence[tuple[str, str, str, int, str, str]], /) -> list[bool]: ...

    def add(self, left: bytes, right: bytes, /) -> bytes: ...

    def subtract(self, left: bytes, right: bytes, /) -> bytes: ...

    def power(self, base: bytes, exponent: bytes, /) -> bytes: ...

    def power_generator(self, exponent: bytes, /) -> bytes: ...

    def commitment(self, public: bytes, challenge: bytes, response: bytes, /) -> bytes: ...

    def is_element(self, point: bytes, /) -> bool: ...


def _find() -> Core | None:
    if os.environ.get(SWITCH) == "off":
        return None
    try:
        import evote_belenios_core
    except ImportError:
        return None
    return evote_belenios_core if evote_belenios_core.__version__ == VERSION else None


core: Core | None = _find()


REFERENCE: Final = "Python reference"


def arithmetic() -> str:
    """Who does the work in ``Ed25519``; a group says it of itself (:attr:`evote_belenios.groups.Group.arithmetic`)."""
    return REFERENCE if core is None else f"compiled core {VERSION}"
