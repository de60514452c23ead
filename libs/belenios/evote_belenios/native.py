"""The compiled core, libs/belenios-core, where it is installed; without it everything here does its own work.

It reads, verifies and makes ballots in ``Ed25519``, and does that group's arithmetic; in ``BELENIOS-2048`` it raises g
and the election's key to secret exponents, and no more. This library in Python says what is right; the core may only be
faster. A ballot that the core can't read is read here, so that one place names what is wrong with a text, and what the
core alone would refuse is not refused. ``EVOTE_BELENIOS_CORE=off`` in the environment leaves the core out: the
reference alone then decides, as an auditor may want it. Where nobody asked for that and there is no core, or that of
another release, a line of log says so once: everything is right then, and takes several times as long.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from evote_belenios_core import Election as CompiledElection
    from evote_belenios_core import FixedBase as CompiledBase
    from evote_belenios_core import Sum as CompiledSum

SWITCH: Final = "EVOTE_BELENIOS_CORE"
VERSION: Final = "0.4.0"
"""A core of another version is not of this library, and not used."""


class Core(Protocol):
    """What of the core is used here."""

    @property
    def Election(self) -> type[CompiledElection]: ...  # noqa: N802 - a class

    @property
    def Sum(self) -> type[CompiledSum]: ...  # noqa: N802 - a class

    @property
    def FixedBase(self) -> type[CompiledBase]: ...  # noqa: N802 - a class

    def ballot_digests(self, casts: Sequence[tuple[str, str, str, str]], /) -> list[bytes | None]: ...

    def orders_signed(self, orders: Sequence[tuple[str, str, str, int, str, str]], /) -> list[bool]: ...

    def add(self, left: bytes, right: bytes, /) -> bytes: ...

    def subtract(self, left: bytes, right: bytes, /) -> bytes: ...

    def power(self, base: bytes, exponent: bytes, /) -> bytes: ...

    def power_generator(self, exponent: bytes, /) -> bytes: ...

    def commitment(self, public: bytes, challenge: bytes, response: bytes, /) -> bytes: ...

    def is_element(self, point: bytes, /) -> bool: ...


_log = logging.getLogger(__name__)


def _find() -> tuple[Core | None, str]:
    """The core, or none and why."""
    if os.environ.get(SWITCH) == "off":
        return None, f"{SWITCH}=off leaves the compiled core out"
    try:
        import evote_belenios_core
    except ImportError:
        why = "no compiled core is installed"
    else:
        if evote_belenios_core.__version__ == VERSION:
            return evote_belenios_core, ""
        why = f"the compiled core that is installed is {evote_belenios_core.__version__}, and {VERSION} belongs here"
    why = f"{why}: `make install` compiles it"
    if multiprocessing.parent_process() is None:  # not by each worker again
        _log.warning("Ballots are verified in Python, which takes several times as long: %s", why)
    return None, why


core: Core | None
core, _why_none = _find()


REFERENCE: Final = "Python reference"


def arithmetic() -> str:
    """Who does the work in ``Ed25519``; a group says it of itself (:attr:`evote_belenios.groups.Group.arithmetic`)."""
    return REFERENCE if core is None else f"compiled core {VERSION}"


async def check() -> str:
    """For a service's readiness, which it never denies: who does the work, and if it is the reference, why."""
    return arithmetic() if core is not None else f"{REFERENCE}: {_why_none}"
