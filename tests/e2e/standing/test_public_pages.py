"""A voter by phone, who comes back into another browser; and the public pages, on which anybody checks.

In Chromium, on the whole platform, under the policy of `web/edge`.
"""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
from evote_jpki.cardfile import save_card
from evote_local.people.officers import ANSWERS
from evote_local.people.voters import open_client
from evote_local.people.voting_page import VotingPage, hold_before_camera, open_browser
from evote_local.referendum.referendum import Referendum
from evote_local.stack.front import Front
from evote_local.stack.stack import Stack
from evote_local.testbed import wait_until
from playwright.sync_api import Browser, expect
from pypdf import PdfReader

from ..before_the_page import axe_finds_nothing, nothing_scrolls_sideways

pytestmark = [pytest.mark.stack, pytest.mark.slow]

YES, NO = ANSWERS
PAGES = ("ballot", "board", "turnout", "result", "status", "intended", "accessibility")
_CARD = "hanako"


@dataclass
class Town:
    """One election with both fronts, and who reads and votes there, each in a browser without a past."""

    stack: Stack
    referendum: Referendum
    browser: Browser
    tabs: list[VotingPage] = field(default_factory=list)

    def tab(self) -> VotingPage:
        """A tab of a browser of its own."""
        page = VotingPage(self.browser.new_context(locale="ja-JP").new_page())
        self.tabs.append(page)
        return page

    def public(self, place: str) -> VotingPage:
        """A public page of the election."""
        page = self.tab()
        page.open(_address(self, place))
        return page


def _address(town: Town, place: str) -> str:
    return f"{town.stack.board.origin}/?election={town.referendum.officers.election_uuid}&page={place}"


@pytest.fixture(scope="module")
def town(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    referendum = asyncio.run(_prepared(stack, tmp_path_factory.mktemp("public-pages")))
    assert stack.phone is not None
    save_card(referendum.voters[0].card, stack.phone.cards / f"{_CARD}.card")
    stack.open_front()
    stack.open_board()
    with open_browser() as browser:
        here = Town(stack, referendum, browser)
        yield here
        assert [fault for page in here.tabs for fault in page.faults] == [], "the browsers had nothing to complain of"


async def _prepared(stack: Stack, directory: Path) -> Referendum:
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=2, seed=20261129)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
    return referendum


@pytest.fixture(scope="module")
def tracker(town: Town) -> str:
    """Of a ballot that was cast by phone: the browser that the app comes back into never saw the voting page."""
    first = town.tab()
    first.open(f"{town.stack.front.origin}/?election={town.referendum.officers.election_uuid}")
    first.button("スマートフォン（マイナアプリ）").click()
    first.button("マイナアプリを開く").click()
    first.button(_CARD).wait_for()
    another = town.tab()
    another.tab.goto(first.tab.url)
    another.hold_card_to_phone(_CARD)
    expect(another.tab).to_have_url(f"{town.stack.front.origin}/?election={town.referendum.officers.election_uuid}")
    another.answer(YES)
    another.cast_button.click()
    return another.receive()


def test_what_came_back_from_the_app_is_nowhere_in_the_browsers_history(town: Town, tracker: str) -> None:
    voter = town.tabs[1]
    devtools = voter.tab.context.new_cdp_session(voter.tab)
    history = devtools.send("Page.getNavigationHistory")["entries"]
    front = [entry["url"] for entry in history if entry["url"].startswith(town.stack.front.origin)]
    assert front and all("code=" not in url and "state=" not in url for url in front)
    assert all("state=" not in sent.url for sent in voter.network.sent if sent.url.startswith(town.stack.front.origin))


def test_a_ballot_is_checked_up_to_witnesses_and_chain_by_its_tracker_alone(town: Town, tracker: str) -> None:
    page = town.public("ballot")

    def all_but_the_receipt_hold() -> bool:
        page.tab.get_by_label("追跡番号").fill(tracker)
        page.button("確かめる").click()
        page.tab.locator(".steps").wait_for()
        assert page.tab.locator(".steps .fails").count() == 0
        # What is still to come is told; the chain's final block is some seconds away.
        page.tab.wait_for_timeout(1000)
        return page.tab.locator(".steps .holds").count() == 5

    wait_until(all_but_the_receipt_hold, within_s=300)
    page.tab.get_by_text("確かめられることは、すべて正しく確かめられました。").wait_for()
    expect(page.tab.locator(".steps .not-given")).to_have_count(1)
    assert tracker not in page.tab.url


def test_the_printed_receipt_shows_tracker_and_check_page_in_letters_and_no_choice(town: Town, tracker: str) -> None:
    """As a PDF of the browser, from a screen with a dark theme, on small paper and on large."""
    tab = town.tabs[1].tab
    tab.emulate_media(color_scheme="dark")
    for paper in ("A4", "A6"):
        printed = PdfReader(io.BytesIO(tab.pdf(format=paper)))
        # Letters may stand apart where a line is broken.
        text = "".join("".join(page.extract_text() for page in printed.pages).split())
        assert tracker in text and town.stack.board.origin in text, text
        assert "投票を受け付けました" in text
        for answer in (*ANSWERS, "白票"):
            assert answer not in text
        for of_the_screen in ("印刷する", "終了する", "English", "本文へ", "記録の進み具合"):
            assert of_the_screen not in text
    tab.emulate_media(media="print", color_scheme="dark")
    ground, ink = tab.evaluate(
        "(({backgroundColor, color}) => [backgroundColor, color])(getComputedStyle(document.body))"
    )
    assert (ground, ink) == ("rgb(255, 255, 255)", "rgb(0, 0, 0)"), "a dark theme would print white on white"
    pixels = np.frombuffer(tab.screenshot(full_page=True), np.uint8)
    code, *_ = cv2.QRCodeDetector().detectAndDecode(cv2.imdecode(pixels, cv2.IMREAD_GRAYSCALE))
    assert code == tracker, "the code holds the tracker, and can be read from paper"
    tab.emulate_media(media="screen", color_scheme="light")


def test_a_tracker_is_read_from_the_screen_of_another_device(town: Town, tracker: str, tmp_path: Path) -> None:
    code = town.tabs[1].tab.locator("svg.qr").screenshot()
    with hold_before_camera(town.browser, code, tmp_path) as tab:
        page = VotingPage(tab)
        page.open(_address(town, "ballot"))
        programs = [sent.url for sent in page.network.sent if "/assets/" in sent.url]
        page.button("カメラで QR コードを読み取る").click()
        page.tab.get_by_text("カメラは止まりました").wait_for()
        assert not any("/entry-" in url for url in programs), "what reads codes comes with the camera, not before"
        expect(page.tab.get_by_label("追跡番号")).to_have_value(tracker)
        page.button("確かめる").click()
        page.tab.locator(".steps .holds").first.wait_for()
        assert page.faults == []


def test_where_there_is_no_camera_the_page_says_so_and_typing_remains(town: Town) -> None:
    page = town.public("ballot")
    page.button("カメラで QR コードを読み取る").click()
    page.tab.get_by_text("入力するか、貼り付けてください").or_(page.tab.get_by_text("入力または貼り付け")).wait_for()
    expect(page.tab.get_by_label("追跡番号")).to_be_editable()


# A voting page that lies, in what nothing but a second device sees: the worker encrypts another choice than it was told
# and says that it did as told; or it puts another seed into the opening, so that nobody could make its ballot again.
_OTHER_CHOICE = """
const listen = self.addEventListener.bind(self), tell = self.postMessage.bind(self);
const flip = (choices) => choices.forEach((marks) => marks.push(marks.splice(1, 1)[0]));  // blank, yes, no
self.addEventListener = (type, hear, ...rest) => listen(type, type !== "message" ? hear : (event) => {
  if (event.data.path?.at(-1) === "prepareBallot") flip(event.data.argumentList[2].value);
  hear(event);
}, ...rest);
self.postMessage = (message, ...rest) => {
  if (message.value?.opening) flip(message.value.opening.choices);
  tell(message, ...rest);
};
"""
_OTHER_SEED = """
const tell = self.postMessage.bind(self);
self.postMessage = (message, ...rest) => {
  if (message.value?.opening) message.value.opening.seed = "00".repeat(32);
  tell(message, ...rest);
};
"""


@pytest.mark.parametrize(
    ("lie", "verdict"),
    [("", "追跡番号が同じです"), (_OTHER_CHOICE, "追跡番号が違います"), (_OTHER_SEED, "追跡番号が違います")],
    ids=["honest", "other choice", "other seed"],
)
def test_a_second_device_makes_the_ballot_again_and_finds_a_page_that_lies(
    town: Town, tmp_path: Path, lie: str, verdict: str
) -> None:
    voter = town.tab()
    voter.tab.context.route(
        "**/assets/entry-*.js",
        lambda route: route.fulfill(response=(answer := route.fetch()), body=lie + answer.text()),
    )
    voter.open(f"{town.stack.front.origin}/?election={town.referendum.officers.election_uuid}")
    voter.button("スマートフォン（マイナアプリ）").click()
    voter.button("マイナアプリを開く").click()
    voter.hold_card_to_phone(_CARD)
    voter.answer(YES)
    shown = voter.tab.locator(".tracker").inner_text()  # before the page knows that it will be checked
    voter.button("投票せずに、この票を確かめる").click()
    code = voter.tab.locator("svg.qr")
    code.wait_for()
    expect(voter.tab.locator(".chosen")).to_contain_text(YES)
    code.evaluate("element => { element.style.width = element.style.maxWidth = '600px' }")
    with hold_before_camera(town.browser, code.screenshot(), tmp_path) as tab:
        second = VotingPage(tab)
        second.open(_address(town, "intended"))
        second.button("カメラで QR コードを読み取る").click()
        second.tab.get_by_text("カメラは止まりました").wait_for()
        second.tab.get_by_label("追跡番号").fill(shown)
        second.button("作り直して比べる").click()
        second.tab.get_by_text(verdict).wait_for()
        expect(second.tab.locator(".chosen dd")).to_have_text([] if lie else [YES])
        assert all(sent.method == "GET" and shown not in sent.url for sent in second.network.sent)
        assert second.faults == []


def test_the_public_pages_show_the_vote_as_it_goes(town: Town, tracker: str) -> None:
    board = town.public("board")
    board.tab.get_by_role("cell", name=tracker).wait_for()
    board.tab.get_by_label("追跡番号で探す").fill(tracker)
    board.button("探す").click()
    board.tab.locator("tr[aria-current]").wait_for()
    turnout = town.public("turnout")
    expect(turnout.tab.locator("tfoot")).to_contain_text("50.00")
    town.public("status").tab.get_by_text("見つかった異常はありません。").wait_for()
    town.public("result").tab.get_by_text("結果はまだ出ていません").wait_for()


def test_both_fronts_serve_what_two_officers_signed_and_nothing_else(town: Town) -> None:
    """By the auditor's program, on nginx under `web/edge`; and it finds a program that was changed in its place."""
    for front in (town.stack.front, town.stack.board):
        looked = _look_at(front, town.stack)
        assert looked.returncode == 0, looked.stdout + looked.stderr
    worker = next((town.stack.front.site / "assets").glob("entry-*.js"))
    kept = worker.read_bytes()
    worker.write_bytes(kept + b" ")
    try:
        looked = _look_at(town.stack.front, town.stack)
        assert looked.returncode == 1 and f"{worker.name} is another one" in looked.stdout
    finally:
        worker.write_bytes(kept)


def _look_at(front: Front, stack: Stack) -> subprocess.CompletedProcess[str]:
    program = ["-m", "evote_verify.main", "--front", front.origin, "--roster", str(stack.identities.roster_file)]
    return subprocess.run([sys.executable, *program], capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("place", PAGES)
def test_axe_finds_nothing_and_nothing_scrolls_sideways_on_a_phone_with_large_letters(town: Town, place: str) -> None:
    tab = town.public(place).tab
    if place not in ("ballot", "intended", "accessibility"):
        tab.get_by_text("この画面は自動で新しくなります。").wait_for()
    axe_finds_nothing(tab, place)
    nothing_scrolls_sideways(tab, place)


def test_after_the_count_the_result_is_shown_and_the_archive_given(town: Town, tracker: str) -> None:
    """Last: closes the election."""
    with ThreadPoolExecutor(1) as pool:
        # Playwright has this thread's event loop.
        counts = pool.submit(asyncio.run, _counted(town)).result()
    assert counts == [0, 1, 0]
    page = town.public("result")
    page.tab.locator("table").wait_for()
    rows = page.tab.locator("tbody tr").all_inner_texts()
    assert [row.split()[-2:] for row in rows] == [["1", "100.00"], ["0", "0.00"], ["0", "0.00"]], rows
    with page.tab.expect_download() as download:
        page.tab.get_by_role("link", name="archive.bel").click()
    assert download.value.path().stat().st_size > 1000


async def _counted(town: Town) -> list[int]:
    async with open_client() as client:
        town.referendum.officers.use(client)
        return await town.referendum.close_and_count()
