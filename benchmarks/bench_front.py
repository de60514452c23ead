"""What a vote on the residents' page takes, in Debian's Chromium with the whole platform behind it.

``make bench-front`` prints taps and seconds by card, how long the election's page takes to come on a slow line, and how
long the ballot of 2022 takes to encrypt. ``make screens`` writes each page and state on the way into docs/screens.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evote_jpki.authority import TestAuthority
from evote_jpki.cardfile import save_card
from evote_jpki.vpcd import InsertedCard
from evote_local.nodes.pcsc import PcscDaemon
from evote_local.nodes.ports import LOOPBACK
from evote_local.people.officers import ANSWERS
from evote_local.people.voters import SIGNATURE_PASSWORD, USER_PIN, open_client
from evote_local.people.voting_page import HeldBallot, VotingPage, open_browser
from evote_local.referendum.referendum import Referendum
from evote_local.stack.card_desk import CardDesk
from evote_local.stack.stack import Stack, temporary_directory
from evote_platform.clock import utc_now
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize

_ROOT: Final = Path(__file__).parents[1]
_PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
# Lighthouse's "slow 4G" and a phone four times slower than this machine.
_SLOW_LINE: Final = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750}
_SLOW_PHONE: Final = 4
_SLOWEST_PHONE: Final = 6
_VISITS: Final = 5
_COUNT_TAPS: Final = "window.taps = 0; addEventListener('click', () => { window.taps += 1; }, true)"


@dataclass(frozen=True)
class Polls:
    """A browser, and a card in the reader of an agent that serves the page."""

    browser: Browser
    desk: CardDesk
    page: str
    ballots: str

    @contextmanager
    def opened(self) -> Iterator[VotingPage]:
        """The election's page on a phone's screen, as the agent opens it."""
        context = self.browser.new_context(locale="ja-JP", viewport=_PHONE, device_scale_factor=2)
        page = VotingPage(context.new_page())
        page.open(self.desk.paired_page)
        yield page
        context.close()


@contextmanager
def _open_polls() -> Iterator[Polls]:
    with temporary_directory() as name:
        directory = Path(name)
        stack = Stack(directory, TestAuthority(utc_now, secrets.token_bytes), announce=print)
        phone = stack.offer_phone()
        with stack:
            referendum = asyncio.run(_prepared(stack, directory))
            save_card(referendum.voters[0].card, phone.cards / "voter.card")
            stack.open_front()
            uuid = referendum.officers.election_uuid
            page = f"{stack.front.origin}/?election={uuid}"
            with (
                PcscDaemon(directory / "pcsc", readers=1) as daemon,
                InsertedCard(referendum.voters[0].card, LOOPBACK, daemon.slots[0]),
                CardDesk([uuid], pcsc=daemon.environment, page=page) as desk,
                open_browser() as browser,
            ):
                yield Polls(browser, desk, page, f"{stack.ballots[0].url}/elections/{uuid}/ballots")


async def _prepared(stack: Stack, directory: Path) -> Referendum:
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=1, seed=20261128)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
    return referendum


def measure() -> None:
    """Print all figures."""
    with _open_polls() as polls:
        with polls.opened() as page:
            page.tab.evaluate(_COUNT_TAPS)
            began = time.perf_counter()
            page.vote(polls.desk, ANSWERS[0])
            took, taps = time.perf_counter() - began, page.tab.evaluate("window.taps")
        print("from the election's page to the receipt, by somebody who reads nothing and types at once:")
        print(f"  card reader: {taps} taps, {took:.1f} s (beside the taps, a yes and two PINs at the card agent)")
        _measure_phone(polls)
        _measure_first_view(polls)
        _measure_encryption(polls.browser)


def _measure_phone(polls: Polls) -> None:
    with polls.opened() as page:
        tab = page.tab
        began = time.perf_counter()
        page.button("マイナンバーカードとスマートフォン").click()
        page.button("マイナアプリを開く").click()
        page.button("voter").wait_for()
        page.button("voter").click()
        tab.locator("fieldset").wait_for()
        tab.evaluate(_COUNT_TAPS)
        page.answer(ANSWERS[0])
        page.cast_button.click()
        page.receive()
        took, taps = time.perf_counter() - began, 2 + tab.evaluate("window.taps")
    print(f"  phone: {taps} taps, {took:.1f} s (beside the taps, what the app asks for; its stand-in asks for one tap)")


def _measure_first_view(polls: Polls) -> None:
    """On a slow line and a slow phone, without anything kept from before."""
    seen, usable = [], []
    for _ in range(_VISITS):
        context = polls.browser.new_context(locale="ja-JP", viewport=_PHONE)
        tab = context.new_page()
        devtools = context.new_cdp_session(tab)
        devtools.send("Network.emulateNetworkConditions", _SLOW_LINE)
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": _SLOW_PHONE})
        began = time.perf_counter()
        tab.goto(polls.page, wait_until="commit")
        tab.get_by_role("button", name="マイナンバーカードとカードリーダー").wait_for()
        usable.append(time.perf_counter() - began)
        seen.append(tab.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000)
        context.close()
    print(f"the election's page on slow 4G, processor {_SLOW_PHONE} times slower, median of {_VISITS} visits:")
    print(f"  first view {_median(seen):.1f} s, its buttons there {_median(usable):.1f} s")


def _measure_encryption(browser: Browser) -> None:
    """The same program as `make bench-web`, in a browser."""
    program = _ROOT / ".cache/bench-front.js"
    bundler = str(_ROOT / "web/node_modules/.bin/rolldown")
    source = str(_ROOT / "web/shared/tests/encryption.bench.ts")
    command = [bundler, source, "--platform", "browser", "--format", "iife", "--file", str(program)]
    subprocess.run(command, check=True, capture_output=True)
    print("the ballot of 2022 (four candidates and blank), encrypted in Chromium:")
    for rate in (1, _SLOWEST_PHONE):
        print(f"  processor at 1/{rate}:")
        tab = browser.new_page()
        tab.on("console", _print_line)
        tab.context.new_cdp_session(tab).send("Emulation.setCPUThrottlingRate", {"rate": rate})
        tab.evaluate(program.read_text("utf-8"))
        tab.close()


def _print_line(message: ConsoleMessage) -> None:
    print(f"    {message.text}")


def photograph(directory: Path) -> None:
    """Write each page and state of a vote by card, as a phone shows it."""
    directory.mkdir(parents=True, exist_ok=True)
    with _open_polls() as polls, polls.opened() as page:
        tab = page.tab
        _save(tab, directory, "01-election")
        page.button("アクセシビリティ方針").click()
        _save(tab, directory, "02-accessibility")
        page.button("戻る").click()
        page.button("マイナンバーカードとスマートフォン").click()
        _save(tab, directory, "03-phone")
        tab.go_back()
        page.choose_card()
        _save(tab, directory, "04-card")
        page.button("カードで確認を始める").click()
        tab.locator(".number").wait_for()
        _save(tab, directory, "05-card-agent-asks")
        polls.desk.consent(USER_PIN, SIGNATURE_PASSWORD)
        tab.locator("fieldset").wait_for()
        page.button("次へ").click()
        _save(tab, directory, "06-question-unanswered")
        tab.get_by_role("radio", name=ANSWERS[0]).check()
        _save(tab, directory, "07-question")
        for name, language in (("08-question-yasashii", "やさしい日本語"), ("09-question-english", "English")):
            tab.get_by_role("button", name=language, exact=True).click()
            _save(tab, directory, name)
        tab.get_by_role("button", name="日本語", exact=True).click()
        page.button("次へ").click()
        page.cast_button.wait_for()
        _save(tab, directory, "10-review")
        tab.emulate_media(color_scheme="dark")
        _save(tab, directory, "11-review-dark")
        tab.emulate_media(color_scheme="light")
        page.button("投票せずに、この票を確かめる").click()
        _save(tab, directory, "12-opened")
        page.button("この票を捨てて、新しい票を作る").click()
        hold = HeldBallot(tab, polls.ballots)
        page.cast_button.click()
        tab.get_by_role("heading", name="投票を送っています").wait_for()
        _save(tab, directory, "13-casting")
        hold.wait()
        hold.let_go()
        page.receive()
        tab.locator(".states .reached", has_text="外部の台帳にも刻まれました").wait_for()
        _save(tab, directory, "14-receipt")
        page.button("終了する").click()
        tab.get_by_role("heading", name="終了しました").wait_for()
        _save(tab, directory, "15-finished")


def _save(tab: Page, directory: Path, name: str) -> None:
    tab.screenshot(path=directory / f"{name}.png", full_page=True, scale="css")


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def main() -> None:
    """Measure, or with ``--screens`` write screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--screens", type=Path, metavar="FOLDER", help="write screenshots there, and measure nothing")
    screens: Path | None = parser.parse_args().screens
    if screens is None:
        measure()
    else:
        photograph(screens)


if __name__ == "__main__":
    main()
