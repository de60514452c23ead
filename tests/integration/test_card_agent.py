"""The card agent as a resident starts it: a real process at a terminal, pcscd, a virtual reader, an emulated chip."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from evote_auth.api.models import ReleaseRequest
from evote_jpki.authority import Person, TestAuthority
from evote_jpki.emulator import EmulatedCard
from evote_jpki.release_texts import ReleaseTexts
from evote_local.nodes.pcsc import PcscDaemon
from evote_local.stack.card_desk import PAGE
from evote_local.testbed import wait_until
from evote_platform.clock import utc_now

from .conftest import UUID, Page, new_texts

pytestmark = [pytest.mark.stack, pytest.mark.slow]

PIN, PASSWORD = "1234", "ABC123"


def sign(page: Page, texts: ReleaseTexts, pin: str = PIN, password: str = PASSWORD) -> httpx.Response:
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(page.sign, texts)
        page.desk.consent(pin, password)
        return answer.result()


def slug(response: httpx.Response) -> str:
    """The code of a refusal, which must be a problem document in both languages that says what to do."""
    document = response.json()
    assert response.headers["content-type"] == "application/problem+json"
    assert document["status"] == response.status_code
    assert document["title"] and document["detail"] and document["ja"]["title"] and document["ja"]["detail"]
    assert "certificate" not in response.text.replace("certificates", "")
    return str(document["type"]).removeprefix("urn:tsukuba-evote:problem:")


def check_release(response: httpx.Response, texts: ReleaseTexts, card: EmulatedCard) -> None:
    assert response.status_code == 200, response.text
    # What auth takes, and nothing more; the page puts its device's own request beside it.
    release = ReleaseRequest.model_validate({**response.json(), "device_request": "the page's"})
    assert release.challenge_id == texts.challenge_id
    for certificate, signature, text, slot in (
        (release.user_certificate, release.challenge_signature, texts.challenge, card.slots[0]),
        (release.signature_certificate, release.statement_signature, texts.statement, card.slots[1]),
    ):
        assert base64.b64decode(certificate) == slot.certificate
        key = x509.load_der_x509_certificate(slot.certificate).public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        key.verify(base64.b64decode(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_a_release_is_signed_with_consent_and_pins_that_no_page_sees(page: Page, card: EmulatedCard, insert) -> None:
    with insert(card):
        assert page.status()["state"] == "ready"
        assert (page.status()["pin_tries_left"], page.status()["password_tries_left"]) == (3, 5)
        texts = new_texts()
        response = sign(page, texts)
        check_release(response, texts, card)
        shown = page.desk.screen
        for fact in (PAGE, texts.election_name, UUID, texts.challenge_id, "利用者証明用 3、署名用 5"):
            assert fact in shown
        assert PIN not in shown.replace(texts.challenge_id, "").replace(str(page.desk.port), "").replace(
            page.desk.headers["Authorization"].removeprefix("Bearer "), ""
        )
        assert PASSWORD not in shown
        assert "筑波花子" not in shown


def test_small_and_full_width_letters_are_taken_as_meant(page: Page, card: EmulatedCard, insert) -> None:
    with insert(card):
        texts = new_texts()
        check_release(sign(page, texts, "１２３４", "abc１２３"), texts, card)


def test_what_can_not_be_a_pin_is_asked_again_and_uses_no_try(page: Page, card: EmulatedCard, insert) -> None:
    with insert(card), ThreadPoolExecutor(1) as pool:
        texts = new_texts()
        answer = pool.submit(page.sign, texts)
        page.desk.wait_for("[y/N]: ")
        page.desk.type_line("y")
        for line in ("123", "12345", "abcd", PIN, "short", "A" * 17, "ABC-123", PASSWORD):
            page.desk.wait_for("to cancel: ")
            page.desk.type_line(line)
        check_release(answer.result(), texts, card)
        assert page.desk.screen.count("回数は減っていません") == 6
        assert (card.slots[0].tries_left, card.slots[1].tries_left) == (3, 5)


def test_a_missing_card_is_reported_before_anyone_is_asked(page: Page) -> None:
    assert page.status()["state"] == "card-missing"
    assert (slug(page.sign(new_texts())), "署名の確認" in page.desk.screen) == ("card-missing", False)


def test_a_missing_reader_is_reported(open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page(reader="no reader has this name")
    assert page.status()["state"] == "reader-missing"
    assert slug(page.sign(new_texts())) == "reader-missing"
    with PcscDaemon(tmp_path, readers=0) as daemon:
        assert open_page(pcsc=dict(daemon.environment)).status()["state"] == "reader-missing"


def test_a_pcsc_service_that_is_not_running_is_reported(open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page(pcsc={"PCSCLITE_CSOCK_NAME": str(tmp_path / "nobody-listens")})
    assert page.status()["state"] == "pcsc-unavailable"
    response = page.sign(new_texts())
    assert (response.status_code, slug(response)) == (503, "pcsc-unavailable")
    assert int(response.headers["Retry-After"]) > 0


class OtherCard:
    """A card of another kind: it has no application that anyone asks for."""

    def transmit(self, raw: bytes) -> bytes:
        return bytes.fromhex("6A82" if raw[1] == 0xA4 else "6D00")

    def reset(self) -> None:
        pass


def test_another_card_is_named_as_such(page: Page, insert) -> None:
    with insert(OtherCard()):
        assert page.status()["state"] == "wrong-card"
        assert slug(page.sign(new_texts())) == "wrong-card"


def test_of_several_readers_the_one_with_a_my_number_card_is_used(page: Page, card: EmulatedCard, insert) -> None:
    with insert(OtherCard(), 0), insert(card, 1):
        assert page.status()["state"] == "ready"
        texts = new_texts()
        check_release(sign(page, texts), texts, card)


def test_a_reader_can_be_chosen_by_name(open_page: Callable[..., Page], card: EmulatedCard, insert) -> None:
    with insert(card, 1):
        assert open_page(reader="0 00 01").status()["state"] == "ready"
        assert open_page(reader="0 00 00").status()["state"] == "card-missing"


def test_wrong_pins_count_down_warn_before_the_last_try_and_lock(page: Page, card: EmulatedCard, insert) -> None:
    with insert(card):
        for left in (2, 1):
            response = sign(page, new_texts(), pin="0000")
            assert (slug(response), response.json()["tries_left"]) == ("pin-wrong", left)
            assert page.status()["pin_tries_left"] == left
        use_the_last_try_only_when_told_so(page, card, 0)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(page.sign, new_texts())
            page.desk.wait_for("Type yes: ")
            page.desk.type_line("yes")
            page.desk.consent("0000", PASSWORD)
            assert slug(answer.result()) == "pin-locked"
        asked = page.desk.screen.count("署名の確認")
        assert slug(page.sign(new_texts())) == "pin-locked"
        assert page.desk.screen.count("署名の確認") == asked, "nobody is asked for the PIN of a locked card"
        assert page.status()["pin_tries_left"] == 0


def test_wrong_passwords_count_down_warn_and_lock(page: Page, card: EmulatedCard, insert) -> None:
    with insert(card):
        response = sign(page, new_texts(), password="WRONG1")
        assert (slug(response), response.json()["tries_left"]) == ("password-wrong", 4)
        card.slots[1].tries_left = 1
        use_the_last_try_only_when_told_so(page, card, 1)
        card.slots[1].tries_left = 0
        assert slug(page.sign(new_texts())) == "password-locked"


def use_the_last_try_only_when_told_so(page: Page, card: EmulatedCard, slot: int) -> None:
    for answer_to_warning in ("y", "", "no"):
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(page.sign, new_texts())
            page.desk.wait_for("this is the last try")
            page.desk.wait_for("Type yes: ")
            page.desk.type_line(answer_to_warning)
            assert slug(answer.result()) == "cancelled"
    assert card.slots[slot].tries_left == 1


@pytest.mark.parametrize("lines", [["n"], [""], ["y", ""], ["y", PIN, ""]])
def test_the_resident_can_cancel_at_every_question(page: Page, card: EmulatedCard, insert, lines: list[str]) -> None:
    with insert(card), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(page.sign, new_texts())
        for line, prompt in zip(lines, ("[y/N]: ", "to cancel: ", "to cancel: "), strict=False):
            page.desk.wait_for(prompt)
            page.desk.type_line(line)
        assert slug(answer.result()) == "cancelled"
        assert page.status()["state"] == "ready"


def test_a_second_request_is_told_to_wait_and_the_first_is_not_disturbed(page: Page, card, insert) -> None:
    with insert(card), ThreadPoolExecutor(1) as pool:
        texts = new_texts()
        first = pool.submit(page.sign, texts)
        page.desk.wait_for("[y/N]: ")
        second = page.sign(new_texts())
        assert (second.status_code, slug(second)) == (409, "signing-in-progress")
        assert int(second.headers["Retry-After"]) > 0
        assert page.status()["state"] == "signing-in-progress"
        page.desk.type_line("y")
        for line in (PIN, PASSWORD):
            page.desk.wait_for("to cancel: ")
            page.desk.type_line(line)
        check_release(first.result(), texts, card)


def test_a_page_that_goes_away_takes_its_question_with_it(page: Page, card: EmulatedCard, insert) -> None:
    with insert(card):
        asyncio.run(ask_and_go_away(page))
        page.desk.wait_for("/ Cancelled")
        texts = new_texts()
        check_release(sign(page, texts), texts, card)


async def ask_and_go_away(page: Page) -> None:
    """Once the question is on the screen."""
    texts = new_texts()
    body = {"challenge": texts.challenge, "release_statement": texts.statement}
    async with httpx.AsyncClient(timeout=60) as client:
        asking = asyncio.create_task(
            client.post(f"{page.desk.url}/v1/signatures", json=body, headers=page.desk.headers)
        )
        await asyncio.to_thread(page.desk.wait_for, "[y/N]: ")
        asking.cancel()
        await asyncio.wait([asking])


def test_another_card_than_the_one_asked_about_gets_no_pin(page: Page, card: EmulatedCard, insert, card_keys) -> None:
    authority = TestAuthority(utc_now, lambda size: bytes(range(1, size + 1)))
    other = authority.issue_card(
        Person("筑波太郎", "つくば市", "1970-01-01", "1"), card_keys, pin="9999", password=PASSWORD
    )
    with ThreadPoolExecutor(1) as pool:
        with insert(card):
            answer = pool.submit(page.sign, new_texts())
            page.desk.wait_for("[y/N]: ")
        with insert(other):
            page.desk.type_line("y")
            for line in (PIN, PASSWORD):
                page.desk.wait_for("to cancel: ")
                page.desk.type_line(line)
            assert slug(answer.result()) == "card-changed"
    assert (other.slots[0].tries_left, other.slots[1].tries_left) == (3, 5)


class RecordedCard:
    """A card that notes what it was asked, and can be pulled out in the middle of a command."""

    def __init__(self, card: EmulatedCard) -> None:
        self.card = card
        self.commands: list[bytes] = []
        self.pull_out_at = -1
        self.pull_out: Callable[[], None] = lambda: None

    def transmit(self, raw: bytes) -> bytes:
        self.commands.append(raw)
        answer = self.card.transmit(raw)
        if len(self.commands) == self.pull_out_at:
            self.pull_out()
        return answer

    def reset(self) -> None:
        self.card.reset()


def test_a_card_pulled_out_at_any_step_leaves_nothing_half_done(page: Page, card: EmulatedCard, insert) -> None:
    recorded = RecordedCard(card)
    with insert(recorded):
        texts = new_texts()
        check_release(sign(page, texts), texts, card)
    steps = [
        number
        for number, (before, command) in enumerate(zip([b"", *recorded.commands], recorded.commands, strict=False), 1)
        if before[:2] != b"\x00\xb0" or command[:2] != b"\x00\xb0"  # the pieces of one certificate are alike
    ]
    assert len(steps) > 20
    for step in steps:
        pulled = RecordedCard(card)
        with insert(pulled) as lying:
            # The contact is lost before the answer gets through. To take the card out waits for this very command.
            pulled.pull_out_at, pulled.pull_out = step, lying._disconnect
            with ThreadPoolExecutor(1) as pool:
                answer = pool.submit(page.sign, new_texts())
                if step > recorded.commands.index(recorded.commands[0], 1):  # the application is selected a second time
                    page.desk.consent(PIN, PASSWORD)
                response = answer.result()
        assert slug(response) == "card-removed", step
        assert not (card.slots[0].verified or card.slots[1].verified)
        assert page.status()["state"] == "card-missing"
        # pcscd looks every 0.4 s whether there is a card: a faster change than that it takes for the same card.
        time.sleep(0.6)
    assert (card.slots[0].tries_left, card.slots[1].tries_left) == (3, 5)
    with insert(card):
        texts = new_texts()
        check_release(sign(page, texts), texts, card)


def test_no_other_program_ever_finds_a_verified_pin(page: Page, card: EmulatedCard, insert, tmp_path: Path) -> None:
    stop, tried = tmp_path / "stop", tmp_path / "tried"
    tried.touch()
    with insert(card):
        thief = subprocess.Popen([sys.executable, "-c", THIEF, stop, tried], stdout=subprocess.PIPE, text=True)
        # As often as it takes until the thief had its turns between the page's: on a busy machine it starts late.
        while tried.stat().st_size <= 20:
            assert thief.poll() is None
            texts = new_texts()
            check_release(sign(page, texts), texts, card)
        stop.touch()
        statuses = thief.communicate(timeout=60)[0].strip()
    assert statuses == "6986", "the card was reset: not even the application is selected"


THIEF = """
import pathlib, sys
from evote_card_agent.pcsc import connect, list_readers, use_card
from evote_card_agent.reports import Refused
statuses, tried = set(), open(sys.argv[2], "ab", buffering=0)
with connect() as context:
    name = next(reader.name for reader in list_readers(context, None) if reader.has_card)
    while not pathlib.Path(sys.argv[1]).exists():
        try:
            with use_card(context, name, lambda: True) as transmit:
                tried.write(b".")
                # Without selecting the application, which would forget the PIN: as a thief would.
                transmit(bytes.fromhex("00A4020C020017"))
                sign = "802A0080333031300D060960864801650304020105000420" + "00" * 33
                statuses.add(transmit(bytes.fromhex(sign)).hex())
        except Refused:
            pass
print(",".join(sorted(statuses)))
"""


def test_a_program_that_keeps_the_card_is_reported_and_no_pin_follows_later(
    page: Page, card: EmulatedCard, insert, tmp_path: Path
) -> None:
    release, recorded = tmp_path / "release", RecordedCard(card)
    with insert(recorded), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(page.sign, new_texts())
        page.desk.wait_for("署名の確認")
        hog = subprocess.Popen([sys.executable, "-c", HOG, release], stdout=subprocess.PIPE, text=True)
        assert hog.stdout is not None and hog.stdout.readline() == "holding\n"
        page.desk.consent(PIN, PASSWORD)
        response = answer.result()
        assert (response.status_code, slug(response)) == (503, "reader-busy")
        assert slug(page.sign(new_texts())) == "reader-busy", "at once, while the first still waits in PC/SC"
        release.touch()
        assert hog.wait(60) == 0
        wait_until(lambda: page.status()["state"] == "ready")
        sent_with_pin = [command for command in recorded.commands if command[1] == 0x20 and len(command) > 5]
        assert sent_with_pin == [], "the request had been given up"
        texts = new_texts()
        check_release(sign(page, texts), texts, card)


HOG = """
import pathlib, sys, time
from evote_card_agent.pcsc import connect, list_readers, use_card
with connect() as context:
    name = next(reader.name for reader in list_readers(context, None) if reader.has_card)
    with use_card(context, name, lambda: True) as transmit:
        print("holding", flush=True)
        while not pathlib.Path(sys.argv[1]).exists():
            time.sleep(0.05)
"""


def test_four_agents_serve_four_cards_in_parallel(
    open_page: Callable[..., Page], insert, card_keys, pcscd: PcscDaemon
) -> None:
    authority = TestAuthority(utc_now, lambda size: bytes(range(1, size + 1)))
    people = [Person(f"筑波{number}", "つくば市", "1970-01-01", "1") for number in range(4)]
    cards = [authority.issue_card(person, card_keys, pin=PIN, password=PASSWORD) for person in people]
    pages = [open_page(reader=name) for name in ("0 00 00", "0 00 01", "1 00 00", "1 00 01")]
    with insert(cards[0], 0), insert(cards[1], 1), insert(cards[2], 2), insert(cards[3], 3):
        for _ in range(3):
            texts = [new_texts() for _ in pages]
            with ThreadPoolExecutor(4) as pool:
                answers: list[Future[httpx.Response]] = [
                    pool.submit(sign, *pair) for pair in zip(pages, texts, strict=True)
                ]
            for answer, text, card in zip(answers, texts, cards, strict=True):
                check_release(answer.result(), text, card)


def start_without_terminal(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "evote_card_agent.main", "--page", PAGE, "--election", UUID, *arguments]
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_taken_port_is_said_so(page: Page) -> None:
    done = start_without_terminal("--port", str(page.desk.port))
    assert done.returncode == 2
    assert f"Port {page.desk.port} is taken" in done.stderr and "使われています" in done.stderr


def test_an_agent_that_could_ask_nobody_does_not_start() -> None:
    done = start_without_terminal("--port", "0")
    assert done.returncode == 2
    assert "neither a display nor a terminal" in done.stderr and "Traceback" not in done.stderr


def test_ctrl_c_ends_the_agent_also_while_it_asks(page: Page, card: EmulatedCard, insert) -> None:
    with insert(card), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(page.sign, new_texts())
        page.desk.wait_for("[y/N]: ")
        assert page.desk.stop() == 0
        assert answer.exception() is not None or answer.result().status_code >= 400
        assert "Traceback" not in page.desk.screen
