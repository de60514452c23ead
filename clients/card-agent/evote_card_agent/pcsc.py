"""The reader: exclusive use of a card through PC/SC, with every failure as a report.

Source: PC/SC part 5 (resource manager) as pcsc-lite and Windows implement it. A transaction that lies idle for five
seconds makes Windows reset the card, so none is open while a person is typing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from evote_jpki.apdu import Transmit
from smartcard import scard

from . import reports
from .reports import Refused, Report

_BY_STATUS: Final[dict[int, Report]] = {
    scard.SCARD_E_NO_SERVICE: reports.SERVICE_MISSING,
    scard.SCARD_E_SERVICE_STOPPED: reports.SERVICE_MISSING,
    scard.SCARD_E_NO_READERS_AVAILABLE: reports.READER_MISSING,
    scard.SCARD_E_UNKNOWN_READER: reports.READER_MISSING,
    scard.SCARD_E_READER_UNAVAILABLE: reports.READER_MISSING,
    scard.SCARD_E_NO_SMARTCARD: reports.CARD_MISSING,
    scard.SCARD_W_REMOVED_CARD: reports.CARD_MISSING,
    scard.SCARD_W_UNRESPONSIVE_CARD: reports.CARD_UNREADABLE,
    scard.SCARD_W_UNPOWERED_CARD: reports.CARD_UNREADABLE,
    scard.SCARD_W_UNSUPPORTED_CARD: reports.CARD_UNREADABLE,
    scard.SCARD_E_PROTO_MISMATCH: reports.CARD_UNREADABLE,
    scard.SCARD_E_SHARING_VIOLATION: reports.READER_BUSY,
    scard.SCARD_W_RESET_CARD: reports.READER_BUSY,
}


class ReaderFailed(Exception):
    """A PC/SC call failed with a status that no report was written for; ``call`` and ``status``."""

    def __init__(self, call: str, status: int) -> None:
        super().__init__(f"{call}: {status & 0xFFFFFFFF:08X}")
        self.call = call
        self.status = status


@dataclass(frozen=True)
class Reader:
    """A reader by its PC/SC name, and whether a card lies in it."""

    name: str
    has_card: bool


@contextmanager
def connect() -> Iterator[Any]:
    """A PC/SC context for a block; refuses with ``pcsc-unavailable`` when the service isn't running."""
    status, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    _check("SCardEstablishContext", status)
    try:
        yield context
    finally:
        scard.SCardReleaseContext(context)


def list_readers(context: Any, wanted: str | None) -> list[Reader]:
    """The readers, or those whose name holds ``wanted``; refuses with ``reader-missing`` when there is none."""
    status, names = scard.SCardListReaders(context, [])
    _check("SCardListReaders", status)
    names = [name for name in names if wanted is None or wanted.lower() in name.lower()]
    if not names:
        raise Refused(reports.READER_MISSING)
    status, states = scard.SCardGetStatusChange(context, 0, [(name, scard.SCARD_STATE_UNAWARE) for name in names])
    _check("SCardGetStatusChange", status)
    return [Reader(name, bool(state & scard.SCARD_STATE_PRESENT)) for name, state, _ in states]


@contextmanager
def use_card(context: Any, reader: str, may_go_on: Callable[[], bool]) -> Iterator[Transmit]:
    """Exclusive use of the card in ``reader`` for a block; at its end the card is reset and knows no PIN any more.

    ``may_go_on`` is asked before every command: once it says no, nothing more reaches the card, and the block is
    refused with ``reader-busy``. Beginning waits, without limit, until no other program has a transaction.
    """
    # T=1 only: it is what the card offers, and over the air there is no other.
    status, card, _ = scard.SCardConnect(context, reader, scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T1)
    _check("SCardConnect", status)
    # Unless the transaction ended by a reset: whoever comes next must find no verified PIN.
    at_last = scard.SCARD_RESET_CARD
    try:
        _begin(card, may_go_on)

        def transmit(command: bytes) -> bytes:
            if not may_go_on():
                raise Refused(reports.READER_BUSY)
            status, response = scard.SCardTransmit(card, scard.SCARD_PCI_T1, list(command))
            # Some drivers report a card that has just gone as an answer without the two bytes of a status word.
            if status != scard.SCARD_S_SUCCESS or len(response) < 2:
                raise Refused(reports.CARD_REMOVED)
            return bytes(value & 0xFF for value in response)

        try:
            yield transmit
        finally:
            if scard.SCardEndTransaction(card, scard.SCARD_RESET_CARD) == scard.SCARD_S_SUCCESS:
                at_last = scard.SCARD_LEAVE_CARD
    finally:
        scard.SCardDisconnect(card, at_last)


def _begin(card: Any, may_go_on: Callable[[], bool]) -> None:
    status = scard.SCardBeginTransaction(card)
    while status == scard.SCARD_W_RESET_CARD and may_go_on():
        # Another program has reset the card since we connected, which is said once: nothing of ours was lost by it.
        share, protocol = scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T1
        _check("SCardReconnect", scard.SCardReconnect(card, share, protocol, scard.SCARD_LEAVE_CARD)[0])
        status = scard.SCardBeginTransaction(card)
    _check("SCardBeginTransaction", status)


def _check(call: str, status: int) -> None:
    if status == scard.SCARD_S_SUCCESS:
        return
    report = _BY_STATUS.get(status)
    if report is None:
        raise ReaderFailed(call, status)
    raise Refused(report)
