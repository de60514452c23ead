"""What the agent does with a card: look at it, and sign a release with it. All or nothing, one caller at a time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from evote_jpki.apdu import MalformedApdu
from evote_jpki.card import CardError, JpkiCard, NotAJpkiCard, PinLocked, WrongPin
from evote_jpki.files import DIGITAL_SIGNATURE, USER_AUTHENTICATION, KeyFiles
from evote_jpki.release_texts import ReleaseTexts

from . import reports
from .pcsc import ReaderFailed, connect, list_readers, use_card
from .pins import Pin, Pins
from .reports import Refused, Report

_LIMIT_S = 15.0
"""A slow card takes about 5 s for everything; what takes longer waits for another program's transaction."""

T = TypeVar("T")
MayGoOn = Callable[[], bool]


@dataclass(frozen=True)
class Tries:
    """How many tries are left before the PIN, and before the password, is locked."""

    pin: int
    password: int


@dataclass(frozen=True)
class MetCard:
    """The card that the resident is asked about: when another one, or a changed one, is signed with, it is refused."""

    reader: str
    tries: Tries
    user_certificate: bytes = field(repr=False)


@dataclass(frozen=True)
class SignedRelease:
    """What auth takes for a release: two certificates in DER, and a signature by each key."""

    user_certificate: bytes = field(repr=False)
    challenge_signature: bytes = field(repr=False)
    signature_certificate: bytes = field(repr=False)
    statement_signature: bytes = field(repr=False)


class Cards(Protocol):
    """The card of this PC."""

    async def look(self) -> Tries:
        """The tries of the card that lies in a reader; ``Refused`` says what is in the way."""

    async def meet(self) -> MetCard:
        """The card to be signed with, before its owner is asked; refuses a locked one."""

    async def sign(self, met: MetCard, pins: Pins, texts: ReleaseTexts) -> SignedRelease:
        """Sign both texts with the card that was met, or refuse and leave no PIN verified."""


class PcscCards:
    """The cards in this PC's readers."""

    def __init__(self, reader: str | None) -> None:
        """``reader``: use only readers whose name holds this; None: whichever holds a My Number card."""
        self._reader = reader
        self._turn = asyncio.Lock()
        self._thread: threading.Thread | None = None

    async def look(self) -> Tries:
        """The tries of the card that lies in a reader; ``Refused`` says what is in the way."""
        return (await self._in_turn(lambda go_on: self._find(go_on, _tries)))[1]

    async def meet(self) -> MetCard:
        """The card to be signed with, before its owner is asked; refuses a locked one."""
        reader, (tries, certificate) = await self._in_turn(lambda go_on: self._find(go_on, _tries_and_certificate))
        if tries.pin == 0:
            raise Refused(reports.PIN_LOCKED)
        if tries.password == 0:
            raise Refused(reports.PASSWORD_LOCKED)
        return MetCard(reader, tries, certificate)

    async def sign(self, met: MetCard, pins: Pins, texts: ReleaseTexts) -> SignedRelease:
        """Sign both texts with the card that was met, or refuse and leave no PIN verified."""

        def work(may_go_on: MayGoOn) -> SignedRelease:
            with connect() as context:
                return _visit(context, met.reader, may_go_on, lambda card: _sign(card, met, pins, texts))

        try:
            return await self._in_turn(work)
        except Refused as refused:
            if refused.report is reports.CARD_MISSING:
                raise Refused(reports.CARD_REMOVED) from None
            raise

    def _find(self, may_go_on: MayGoOn, do: Callable[[JpkiCard], T]) -> tuple[str, T]:
        """Do something with the first My Number card; else refuse with what the first card that lies there is."""
        refusal = Refused(reports.CARD_MISSING)
        with connect() as context:
            for reader in list_readers(context, self._reader):
                if not reader.has_card:
                    continue
                try:
                    return reader.name, _visit(context, reader.name, may_go_on, do)
                except Refused as refused:
                    if refusal.report is reports.CARD_MISSING:
                        refusal = refused
        raise refusal

    async def _in_turn(self, work: Callable[[MayGoOn], T]) -> T:
        """Run PC/SC calls in a thread of their own, for they may block as long as another program pleases.

        When time is up the caller gets ``reader-busy`` and the thread is left to end by itself, without sending the
        card anything more; until it has ended, nobody else starts.
        """
        async with self._turn:
            if self._thread is not None and self._thread.is_alive():
                raise Refused(reports.READER_BUSY)
            given_up = threading.Event()
            outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            self._thread = threading.Thread(
                target=_settle, args=(outcome, work, lambda: not given_up.is_set()), name="card", daemon=True
            )
            self._thread.start()
            try:
                return await asyncio.wait_for(outcome, _LIMIT_S)
            except TimeoutError:
                raise Refused(reports.READER_BUSY) from None
            finally:
                given_up.set()


def _settle(outcome: asyncio.Future[T], work: Callable[[MayGoOn], T], may_go_on: MayGoOn) -> None:
    """Give the future, from another thread, what the work returns or raises."""
    done: Future[T] = Future()
    try:
        done.set_result(work(may_go_on))
    except Exception as error:
        done.set_exception(error)

    def deliver() -> None:
        if outcome.done():
            return  # whoever asked has given up
        error = done.exception()
        if error is None:
            outcome.set_result(done.result())
        else:
            outcome.set_exception(error)

    with contextlib.suppress(RuntimeError):  # the agent has ended meanwhile
        outcome.get_loop().call_soon_threadsafe(deliver)


def _visit(context: Any, reader: str, may_go_on: MayGoOn, do: Callable[[JpkiCard], T]) -> T:
    try:
        with use_card(context, reader, may_go_on) as transmit:
            return do(JpkiCard(transmit))
    except NotAJpkiCard:
        raise Refused(reports.WRONG_CARD) from None
    except (CardError, MalformedApdu, ReaderFailed):
        raise Refused(reports.CARD_FAILED) from None


def _tries(card: JpkiCard) -> Tries:
    return Tries(card.tries_left(USER_AUTHENTICATION), card.tries_left(DIGITAL_SIGNATURE))


def _tries_and_certificate(card: JpkiCard) -> tuple[Tries, bytes]:
    return _tries(card), card.read_certificate(USER_AUTHENTICATION)


def _sign(card: JpkiCard, met: MetCard, pins: Pins, texts: ReleaseTexts) -> SignedRelease:
    # Another card may lie there by now, or another program may have used up a try: then the resident agreed to
    # something else than what would happen.
    if _tries_and_certificate(card) != (met.tries, met.user_certificate):
        raise Refused(reports.CARD_CHANGED)
    _verify(card, USER_AUTHENTICATION, pins.pin, reports.PIN_WRONG, reports.PIN_LOCKED)
    _verify(card, DIGITAL_SIGNATURE, pins.password, reports.PASSWORD_WRONG, reports.PASSWORD_LOCKED)
    return SignedRelease(
        user_certificate=met.user_certificate,
        challenge_signature=card.sign(USER_AUTHENTICATION, texts.challenge.encode()),
        signature_certificate=card.read_certificate(DIGITAL_SIGNATURE),
        statement_signature=card.sign(DIGITAL_SIGNATURE, texts.statement.encode()),
    )


def _verify(card: JpkiCard, files: KeyFiles, pin: Pin, wrong: Report, locked: Report) -> None:
    try:
        card.verify_pin(files, pin.reveal())
    except WrongPin as error:
        raise Refused(wrong, error.tries_left) from None
    except PinLocked:
        raise Refused(locked) from None
