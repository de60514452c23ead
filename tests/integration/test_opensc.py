"""OpenSC, which we did not write, judges the emulated card through pcscd and a virtual reader."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from evote_jpki.authority import CardKeys, generate_card_keys
from evote_jpki.cardfile import load_card, save_card
from evote_jpki.emulator import EmulatedCard, KeySlot
from evote_jpki.vpcd import Chip, InsertedCard
from evote_local.nodes.pcsc import PcscDaemon
from evote_local.testbed import wait_until

pytestmark = pytest.mark.pcsc

Insert = Callable[..., AbstractContextManager[InsertedCard]]

USER, SIGNATURE = "01", "02"
PIN, PASSWORD = "1234", "ABC123"
MESSAGE = "私は、この選挙で投票するための資格情報を受け取ります。".encode()
WITHIN_S = 50.0


def tool(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=60)


def run(*command: str | Path) -> str:
    """What a command that succeeds prints."""
    done = tool(*command)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def refused(*command: str | Path) -> str:
    """What a command that fails prints."""
    done = tool(*command)
    assert done.returncode != 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def verify(number: str, pin: str, reader: int = 0) -> tuple[str, ...]:
    return ("pkcs15-tool", "--reader", str(reader), "--verify-pin", "--auth-id", number, "--pin", pin)


def read(number: str, reader: int = 0) -> tuple[str, ...]:
    return ("pkcs15-tool", "--reader", str(reader), "--read-certificate", number)


def sign(number: str, pin: str, directory: Path, reader: int = 0) -> tuple[str | Path, ...]:
    """OpenSC keeps four PKCS #11 slots for a reader, and uses one for each PIN of a card."""
    (directory / "message").write_bytes(MESSAGE)
    slot = 4 * reader + int(number) - 1
    return (
        *("pkcs11-tool", "--slot", str(slot), "--login", "--pin", pin),
        *("--sign", "--id", number, "--mechanism", "SHA256-RSA-PKCS"),
        *("--input-file", directory / "message", "--output-file", directory / "signature"),
    )


def check_signature(slot: KeySlot, directory: Path) -> None:
    key = x509.load_der_x509_certificate(slot.certificate).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    key.verify((directory / "signature").read_bytes(), MESSAGE, padding.PKCS1v15(), hashes.SHA256())


def certificate_in(text: str) -> bytes:
    return x509.load_pem_x509_certificate(text[text.index("-----BEGIN") :].encode()).public_bytes(Encoding.DER)


def tries_left(reader: int = 0) -> list[int]:
    """Of the PIN and of the password, as OpenSC sees them."""
    listed = run("pkcs15-tool", "--reader", str(reader), "--list-pins")
    return [int(tries) for tries in re.findall(r"Tries left +: (\d+)", listed)]


@pytest.fixture
def inserted(card: EmulatedCard, insert: Insert) -> Iterator[InsertedCard]:
    with insert(card) as inserted:
        yield inserted


@pytest.mark.usefixtures("inserted")
def test_the_card_is_recognised() -> None:
    assert run("opensc-tool", "--reader", "0", "--name").strip() == "jpki"


@pytest.mark.usefixtures("inserted")
def test_its_certificates_pins_and_keys_are_listed() -> None:
    listed = run("pkcs15-tool", "--reader", "0", "--list-certificates", "--list-pins", "--list-keys")
    for name in ("User Authentication", "Digital Signature"):
        assert f"X.509 Certificate [{name} Certificate]" in listed
        assert f"X.509 Certificate [{name} Certificate CA]" in listed
        assert f"Private RSA Key [{name} Key]" in listed
        assert f"PIN [{name} PIN]" in listed
    assert listed.count("ModLength      : 2048") == 2
    assert tries_left() == [3, 5]


@pytest.mark.usefixtures("inserted")
def test_its_open_certificates_are_read_as_they_were_issued(card: EmulatedCard) -> None:
    user, signature = card.slots
    for number, issued in (("01", user.certificate), ("03", user.issuer), ("04", signature.issuer)):
        assert certificate_in(run(*read(number))) == issued


@pytest.mark.usefixtures("inserted")
def test_the_signature_certificate_is_read_after_its_password_only(card: EmulatedCard) -> None:
    refused(*read(SIGNATURE))
    refused(*verify(USER, PIN), *read(SIGNATURE)[3:])
    assert certificate_in(run(*verify(SIGNATURE, PASSWORD), *read(SIGNATURE)[3:])) == card.slots[1].certificate


@pytest.mark.usefixtures("inserted")
@pytest.mark.parametrize(("number", "pin"), [(USER, PIN), (SIGNATURE, PASSWORD)])
def test_its_signatures_verify(card: EmulatedCard, tmp_path: Path, number: str, pin: str) -> None:
    run(*sign(number, pin, tmp_path))
    check_signature(card.slots[int(number) - 1], tmp_path)


@pytest.mark.usefixtures("inserted")
def test_status_words_reach_whoever_sends_commands_of_their_own() -> None:
    commands = {
        "00A4040C07A0000002471001": "6A82",
        "00A4040C0AD392F000260100000001": "9000",
        "00B0000004": "6986",
        "00A4020C020001": "9000",
        "00B0000000": "6982",
        "00CA000000": "6D00",
        "A0A4020C02000A": "6E00",
    }
    sent = [part for command in commands for part in ("--send-apdu", command)]
    printed = run("opensc-tool", "--reader", "0", *sent)
    answered = re.findall(r"SW1=0x(..), SW2=0x(..)", printed)
    assert ["".join(status) for status in answered] == list(commands.values())


@pytest.mark.usefixtures("inserted")
def test_a_wrong_pin_counts_down_and_the_right_one_gives_all_tries_back() -> None:
    assert "PIN code or key incorrect" in refused(*verify(USER, "0000"))
    refused(*verify(SIGNATURE, "WRONG0"))
    assert tries_left() == [2, 4]
    run(*verify(USER, PIN))
    assert tries_left() == [3, 4]


@pytest.mark.parametrize(
    ("number", "pin", "wrong", "locked"), [(USER, PIN, "0000", [0, 5]), (SIGNATURE, PASSWORD, "WRONG0", [3, 0])]
)
def test_wrong_pins_lock_the_key_and_taking_the_card_out_does_not_help(
    card: EmulatedCard, insert: Insert, tmp_path: Path, number: str, pin: str, wrong: str, locked: list[int]
) -> None:
    with insert(card):
        for _ in range(card.slots[int(number) - 1].files.tries):
            refused(*verify(number, wrong))
        assert tries_left() == locked
        refused(*verify(number, pin))
    with insert(card):
        assert tries_left() == locked
        assert "user PIN locked" in run("pkcs11-tool", "--list-slots")
        refused(*sign(number, pin, tmp_path))
    assert not (tmp_path / "signature").exists()


@pytest.mark.slow
def test_tries_are_counted_over_programs_that_are_killed(card: EmulatedCard, tmp_path: Path, pcscd: PcscDaemon) -> None:
    path = tmp_path / "card.json"
    save_card(card, path)
    command = [sys.executable, "-m", "evote_local.main", "card", "--file", path, "--port", str(pcscd.slots[0])]
    for pin, expected in (("0000", 2), ("1111", 1), ("2222", 0), (PIN, 0)):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as program:
            try:
                wait_until(lambda: tool("pkcs15-tool", "--reader", "0", "--list-pins").returncode == 0)
                tool(*verify(USER, pin))
                assert tries_left() == [expected, 5]
            finally:
                program.kill()
        wait_until(lambda: tool("pkcs15-tool", "--reader", "0", "--list-pins").returncode != 0)
    assert load_card(path).slots[0].tries_left == 0


class HeldChip:
    """A chip that stops at a signature until it is let go."""

    def __init__(self, chip: Chip) -> None:
        self._chip = chip
        self.at_work, self.let_go = threading.Event(), threading.Event()

    def transmit(self, raw: bytes) -> bytes:
        if raw[:2] == b"\x80\x2a":
            self.at_work.set()
            assert self.let_go.wait(WITHIN_S)
        return self._chip.transmit(raw)

    def reset(self) -> None:
        self._chip.reset()


def test_a_card_taken_out_in_the_middle_of_a_signature_gives_none_and_works_again(
    card: EmulatedCard, insert: Insert, tmp_path: Path
) -> None:
    chip = HeldChip(card)
    with ThreadPoolExecutor() as pool:
        with insert(chip) as lying:
            signing = pool.submit(tool, *sign(USER, PIN, tmp_path))
            assert chip.at_work.wait(WITHIN_S)
            removal = pool.submit(lying.remove)
            assert signing.result(WITHIN_S).returncode != 0
            chip.let_go.set()
            removal.result(WITHIN_S)
        assert not (tmp_path / "signature").exists() or not (tmp_path / "signature").read_bytes()
        with insert(card):
            assert tries_left() == [3, 5]
            run(*sign(USER, PIN, tmp_path))
            check_signature(card.slots[0], tmp_path)


def test_another_card_in_the_same_slot_is_taken_for_itself(
    issue: Callable[[CardKeys], EmulatedCard], card_keys: CardKeys, insert: Insert, tmp_path: Path
) -> None:
    first, second = issue(card_keys), issue(generate_card_keys())
    for lying in (first, second, first):
        with insert(lying):
            assert certificate_in(run(*read(USER))) == lying.slots[0].certificate
            refused(*verify(USER, "0000"))
            run(*sign(USER, PIN, tmp_path))
            check_signature(lying.slots[0], tmp_path)


def test_four_cards_in_four_readers_sign_at_the_same_time(
    issue: Callable[[CardKeys], EmulatedCard], insert: Insert, tmp_path: Path
) -> None:
    cards = [issue(generate_card_keys()) for _ in range(4)]

    def sign_twice(reader: int) -> None:
        directory = tmp_path / str(reader)
        directory.mkdir()
        assert run("opensc-tool", "--reader", str(reader), "--name").strip() == "jpki"
        for number, pin, slot in ((USER, PIN, 0), (SIGNATURE, PASSWORD, 1)):
            run(*sign(number, pin, directory, reader))
            check_signature(cards[reader].slots[slot], directory)

    with ExitStack() as slots, ThreadPoolExecutor(4) as pool:
        for number, card in enumerate(cards):
            slots.enter_context(insert(card, number))
        list(pool.map(sign_twice, range(4)))
