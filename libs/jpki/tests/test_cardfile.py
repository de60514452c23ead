"""A card that is put away and taken out again."""

from __future__ import annotations

from pathlib import Path

import pytest
from evote_jpki.card import JpkiCard, PinLocked, WrongPin
from evote_jpki.cardfile import load_card, save_card
from evote_jpki.emulator import EmulatedCard
from evote_jpki.files import DIGITAL_SIGNATURE, USER_AUTHENTICATION


def test_wrong_pins_are_counted_over_restarts_and_lock_for_good(card: EmulatedCard, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    save_card(card, path)
    for left in (2, 1):
        with pytest.raises(WrongPin) as wrong:
            JpkiCard(load_card(path).transmit).verify_pin(USER_AUTHENTICATION, "0000")
        assert wrong.value.tries_left == left
    for pin in ("0000", "1234"):
        with pytest.raises(PinLocked):
            JpkiCard(load_card(path).transmit).verify_pin(USER_AUTHENTICATION, pin)
    assert JpkiCard(load_card(path).transmit).tries_left(DIGITAL_SIGNATURE) == 5


def test_the_right_password_gives_all_tries_back_for_good(card: EmulatedCard, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    save_card(card, path)
    with pytest.raises(WrongPin):
        JpkiCard(load_card(path).transmit).verify_pin(DIGITAL_SIGNATURE, "WRONG0")
    again = JpkiCard(load_card(path).transmit)
    again.verify_pin(DIGITAL_SIGNATURE, "ABC123")
    assert again.read_certificate(DIGITAL_SIGNATURE) == card.slots[1].certificate
    assert JpkiCard(load_card(path).transmit).tries_left(DIGITAL_SIGNATURE) == 5


def test_only_the_owner_can_read_the_file(card: EmulatedCard, tmp_path: Path) -> None:
    save_card(card, tmp_path / "card.json")
    assert (tmp_path / "card.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]
