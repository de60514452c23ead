"""A resident before a browser: the voting page as it is, read and clicked in Debian's Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import cv2
import numpy as np
from playwright.sync_api import Browser, CDPSession, Dialog, Locator, Page, Route, sync_playwright

from .voters import SIGNATURE_PASSWORD, USER_PIN

CHROMIUM: Final = "/usr/bin/chromium"
NOT_YET_VOTED: Final = "まだ投票していません"
VOTED_IN_DOUBT: Final = "投票できたか、まだ分かりません"
"""What each title begins with until there is a receipt, and after a close before which a ballot had no answer."""
_WITHIN_MS: Final = 180_000
"""However busy the machine is; the limit only ends what has failed."""
_BETWEEN_LOOKS_MS: Final = 100


class Desk(Protocol):
    """Where the card agent asks."""

    def consent(self, pin: str, password: str) -> None:
        """Agree to the next signature and type both PINs."""


@contextmanager
def open_browser(*switches: str) -> Iterator[Browser]:
    """One Chromium, without a window; each of its contexts is a resident's own. ``switches`` are Chromium's own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=switches, timeout=_WITHIN_MS)
        yield browser
        browser.close()


@contextmanager
def hold_before_camera(browser: Browser, shown: bytes, folder: Path) -> Iterator[Page]:
    """A tab of another Chromium whose camera sees a square picture (PNG), as it is shown on another device's screen.

    Args:
        browser: any that is open: it knows how to start another one.
        folder: takes the camera's film.
    """
    film = folder / "camera.y4m"
    film.write_bytes(_film(shown))
    other = browser.browser_type.launch(
        executable_path=CHROMIUM,
        timeout=_WITHIN_MS,
        args=[
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-video-capture={film}",
        ],
    )
    try:
        yield other.new_context(locale="ja-JP").new_page()
    finally:
        other.close()


def _film(shown: bytes) -> bytes:
    """Two frames of grey with the picture in the middle, as YUV4MPEG2: Chromium's camera shows them again and again."""
    width, height, side = 1280, 720, 640
    picture = cv2.imdecode(np.frombuffer(shown, np.uint8), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise ValueError("not a picture")
    frame = np.full((height, width), 128, np.uint8)
    top, left = (height - side) // 2, (width - side) // 2
    frame[top : top + side, left : left + side] = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    # The two planes of colours say: none.
    planes = frame.tobytes() + bytes([128]) * (width * height // 2)
    return f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420\n".encode() + (b"FRAME\n" + planes) * 2


@dataclass(frozen=True)
class Sent:
    """A request as it left the browser: what pages can't see of it included."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: str = field(repr=False)


class NetworkLog:
    """Everything that a tab sends, preflights too, in order."""

    def __init__(self, tab: Page) -> None:
        self._devtools: CDPSession = tab.context.new_cdp_session(tab)
        self._begun: dict[str, dict[str, Any]] = {}
        self._headers: dict[str, dict[str, str]] = {}
        self._devtools.on("Network.requestWillBeSent", self._begin)
        self._devtools.on("Network.requestWillBeSentExtraInfo", self._know_headers)
        self._devtools.send("Network.enable", {"maxPostDataSize": 1 << 20})

    @property
    def sent(self) -> list[Sent]:
        """So far."""
        return [
            Sent(
                str(request["method"]),
                str(request["url"]),
                # Until the network tells what was sent. Chromium names some without a value, and sends none of these.
                self._headers.get(number)
                or {name: value for name, value in _lower(request["headers"]).items() if value},
                str(request.get("postData", "")),
            )
            for number, request in self._begun.items()
        ]

    def _begin(self, event: dict[str, Any]) -> None:
        self._begun[event["requestId"]] = event["request"]

    def _know_headers(self, event: dict[str, Any]) -> None:
        self._headers[event["requestId"]] = _lower(event["headers"])


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Names of headers are of no case (RFC 9110, section 5.1)."""
    return {name.lower(): value for name, value in headers.items()}


class HeldBallot:
    """The first ballot that a tab posts, held up as by a network that hangs; later ones pass."""

    def __init__(self, tab: Page, address: str) -> None:
        """``address``: where ballots are posted."""
        self._tab = tab
        self._routes: list[Route] = []
        tab.route(address, self._take)

    @property
    def body(self) -> str | None:
        """What was posted."""
        return self._routes[0].request.post_data

    def wait(self) -> None:
        """Until it is on its way."""
        while not self._routes:
            self._tab.wait_for_timeout(20)

    def let_go(self) -> None:
        """It arrives after all."""
        self._routes[0].continue_()

    def _take(self, route: Route) -> None:
        if route.request.method == "POST" and not self._routes:
            self._routes.append(route)
        else:
            route.continue_()


class VotingPage:
    """One tab with the voting page in it."""

    def __init__(self, tab: Page) -> None:
        self.tab = tab
        self.faults: list[str] = []
        """Programs of the page that failed."""
        self.asked: list[str] = []
        """What the browser asked before it left: ``beforeunload`` each time. The voter leaves all the same."""
        self.network = NetworkLog(tab)
        tab.set_default_timeout(_WITHIN_MS)
        tab.on("pageerror", lambda error: self.faults.append(str(error)))
        tab.on("dialog", self._leave)

    def open(self, address: str) -> None:
        """Go to an address and wait for the page's heading."""
        self.tab.goto(address)
        self.heading.wait_for()

    @property
    def heading(self) -> Locator:
        """The one that has the focus."""
        return self.tab.locator("h1")

    def button(self, name: str) -> Locator:
        """A button by its words."""
        return self.tab.get_by_role("button", name=name)

    def choose_card(self) -> None:
        """From the election's page to a card that can be read."""
        self.button("マイナンバーカードとカードリーダー").click()
        self.button("カードで確認を始める").wait_for()

    def hold_card_to_phone(self, name: str) -> None:
        """In the app that the voting page opened: the card of this name, and back to wherever the app returns.

        There the voter reads a name, and says that it is theirs.
        """
        self.button(name).click()
        self.button("はい、わたしです").click()
        self.tab.locator("fieldset").wait_for()

    def type_code(self, code: str) -> None:
        """On the page of voting code and face: the code, as somebody types it."""
        self.tab.get_by_label("投票コード").fill(code)
        self.button("コードを確かめる").click()

    def show_face(self, press: Callable[[Locator], None] = Locator.click) -> None:
        """With a code that was accepted, to the first question, by whatever is before the camera.

        ``press`` is how the button is pressed. While the page says that nobody could look at the pictures now, it is
        asked again, as it says.
        """
        start, question = self.button("カメラを始める"), self.tab.locator("fieldset")
        busy = self.tab.get_by_text("ただいま混み合っているか、利用できません")
        while True:
            press(start)
            start.wait_for(state="detached")
            question.or_(start).first.wait_for()
            if not busy.is_visible():
                break
        question.wait_for()

    def identify_by_card(self, desk: Desk) -> None:
        """From the election's page to the first question; both PINs are typed at the agent's."""
        self.choose_card()
        self.button("カードで確認を始める").click()
        desk.consent(USER_PIN, SIGNATURE_PASSWORD)
        self.tab.locator("fieldset").wait_for()

    def answer(self, *labels: str) -> None:
        """Mark one answer a question and go on, to the review."""
        for label in labels:
            self.tab.get_by_role("radio", name=label).check()
            self.button("次へ").click()
        self.cast_button.wait_for()

    @property
    def cast_button(self) -> Locator:
        """The one button that casts; there once the ballot is encrypted."""
        return self.button("この内容で投票する")

    def receive(self) -> str:
        """Wait for the receipt; the tracker."""
        self.tab.get_by_role("heading", name="投票を受け付けました").wait_for()
        return self.tab.locator(".tracker").inner_text()

    def let_minutes_pass_until(self, heading: str) -> None:
        """Wait for a heading; each look moves the clock that the tab was given (``clock.install``) by a minute.

        Raises Playwright's ``TimeoutError`` where a day of the page doesn't bring it.
        """
        awaited = self.tab.get_by_role("heading", name=heading)
        for _ in range(_WITHIN_MS // _BETWEEN_LOOKS_MS):
            if awaited.is_visible():
                return
            self.tab.clock.fast_forward(60_000)
            self.tab.wait_for_timeout(_BETWEEN_LOOKS_MS)
        awaited.wait_for(timeout=1)

    def vote_by_phone(self, name: str, label: str) -> str:
        """All of it, with the card of this name, from the election's page to the receipt; the tracker."""
        self.button("マイナンバーカードとスマートフォン").click()
        self.button("マイナアプリを開く").click()
        self.hold_card_to_phone(name)
        self.answer(label)
        self.cast_button.click()
        return self.receive()

    def vote(self, desk: Desk, label: str) -> str:
        """All of it, from the election's page to the receipt; the tracker."""
        self.identify_by_card(desk)
        self.answer(label)
        self.cast_button.click()
        return self.receive()

    def _leave(self, dialog: Dialog) -> None:
        self.asked.append(dialog.type)
        dialog.accept()
