"""A running platform for the tests that need all of it."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from evote_jpki.authority import CardKeys, Person, TestAuthority, generate_card_keys
from evote_jpki.emulator import EmulatedCard
from evote_jpki.vpcd import Chip, InsertedCard
from evote_local.nodes.pcsc import PcscDaemon, why_no_pcscd
from evote_local.stack.stack import Stack
from evote_local.testbed import wait_until
from evote_platform.clock import utc_now

from .platforms import running_stack


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A platform for the tests of one module, which may break and change what they like."""
    with running_stack() as running:
        yield running


@pytest.fixture(scope="session")
def pcscd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PcscDaemon]:
    """A PC/SC daemon with four slots for emulated cards, which this process and its children talk to."""
    reason = why_no_pcscd()
    if reason is not None:
        pytest.skip(reason)
    with PcscDaemon(tmp_path_factory.mktemp("pcscd")) as daemon, pytest.MonkeyPatch.context() as patch:
        for name, value in daemon.environment.items():
            patch.setenv(name, value)
        yield daemon


@pytest.fixture(scope="session")
def card_keys() -> CardKeys:
    return generate_card_keys()


@pytest.fixture
def issue() -> Callable[[CardKeys], EmulatedCard]:
    """Issues cards of one person, each with the keys that it is given."""
    person = Person("筑波花子", "茨城県つくば市研究学園一丁目１番地１", "1980-02-29", "2")
    authority = TestAuthority(utc_now, secrets.token_bytes)
    return lambda keys: authority.issue_card(person, keys, pin="1234", password="ABC123")


@pytest.fixture
def card(issue: Callable[[CardKeys], EmulatedCard], card_keys: CardKeys) -> EmulatedCard:
    return issue(card_keys)


@pytest.fixture
def insert(pcscd: PcscDaemon) -> Callable[..., AbstractContextManager[InsertedCard]]:
    """Puts a card into a slot for the length of a block, in which PC/SC shows it."""

    @contextmanager
    def inserted(chip: Chip, slot: int = 0) -> Iterator[InsertedCard]:
        with InsertedCard(chip, "127.0.0.1", pcscd.slots[slot]) as lying:
            _wait_until_reader_shows("Yes", slot)
            yield lying
        _wait_until_reader_shows("No", slot)

    return inserted


def _wait_until_reader_shows(card: str, slot: int) -> None:
    said = ""

    def shows() -> bool:
        nonlocal said
        listed = subprocess.run(["opensc-tool", "--list-readers"], capture_output=True, text=True, check=False)
        said = listed.stdout + listed.stderr
        return any(line.split()[:2] == [str(slot), card] for line in listed.stdout.splitlines())

    try:
        wait_until(shows)
    except TimeoutError as error:
        raise AssertionError(f"reader {slot} doesn't show {card}: {said}") from error
