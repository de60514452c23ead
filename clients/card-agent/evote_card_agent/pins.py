"""PINs as residents type them: they never print, and what can't be one never reaches the card."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import NoReturn

from evote_jpki.files import DIGITAL_SIGNATURE, USER_AUTHENTICATION


class Pin:
    """A PIN or password of the card; printing and pickling don't give it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The digits or letters, for the card alone."""
        return self._text

    def __repr__(self) -> str:
        return "<Pin>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PIN is not pickled")


@dataclass(frozen=True)
class Pins:
    """What one signing needs: the user-authentication PIN and the signature password."""

    pin: Pin
    password: Pin


def typed_pin(text: str) -> str | None:
    """The four digits that were meant; full-width ones count. None: not a PIN, so no try may be spent on it."""
    normal = _normal(text)
    return normal if USER_AUTHENTICATION.pin_form.fullmatch(normal) else None


def typed_password(text: str) -> str | None:
    """The 6 to 16 letters and digits that were meant; the card knows capitals only, so small letters become them."""
    normal = _normal(text).upper()
    return normal if DIGITAL_SIGNATURE.pin_form.fullmatch(normal) else None


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip()
