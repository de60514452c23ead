"""PINs don't print, and what can't be one is noticed before the card counts a try."""

from __future__ import annotations

import pickle

import pytest
from evote_card_agent.pairing import PairingSecret
from evote_card_agent.pins import Pin, Pins, typed_password, typed_pin
from evote_jpki.files import DIGITAL_SIGNATURE, USER_AUTHENTICATION
from hypothesis import given
from hypothesis import strategies as st


def test_a_pin_does_not_print_or_pickle() -> None:
    pins = Pins(Pin("1234"), Pin("ABC123"))
    for shown in (repr(pins), str(pins), f"{pins.pin}", f"{pins.password!r}", "%s" % pins.pin):  # noqa: UP031
        assert "1234" not in shown and "ABC123" not in shown
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(pins)


async def _no_sleep(_: float) -> None: ...


def test_the_pairing_secret_does_not_print() -> None:
    secret = PairingSecret(lambda size: "s" * size, _no_sleep)
    assert secret.reveal() not in f"{secret!r} {secret}" and len(secret.reveal()) == 32


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("1234", "1234"), (" 1234 ", "1234"), ("１２３４", "1234"), ("123", None), ("12345", None), ("12a4", None),
     ("", None), ("١٢٣٤", None), ("12\n34", None)],
)  # fmt: skip
def test_a_pin_has_four_digits(typed: str, meant: str | None) -> None:
    assert typed_pin(typed) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("ABC123", "ABC123"), ("abc123", "ABC123"), ("ＡＢＣ１２３", "ABC123"), ("ABC12", None), ("A" * 16, "A" * 16),
     ("A" * 17, None), ("ABC 123", None), ("ABC-123", None), ("ｶﾅABC123", None), ("straße1", "STRASSE1")],
)  # fmt: skip
def test_a_password_has_6_to_16_letters_and_digits(typed: str, meant: str | None) -> None:
    assert typed_password(typed) == meant


@given(st.text(max_size=20))
def test_whatever_is_taken_has_the_form_that_the_card_takes(typed: str) -> None:
    pin, password = typed_pin(typed), typed_password(typed)
    assert pin is None or USER_AUTHENTICATION.pin_form.fullmatch(pin)
    assert password is None or DIGITAL_SIGNATURE.pin_form.fullmatch(password)
