"""``make screens``: each page and state of both fronts, as a phone shows it, and the wall, into docs/screens.

The whole platform is behind them. Before the camera is Chromium's own moving pattern: no photograph is kept here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from evote_local.nodes.photographs import fetch_photographs
from evote_local.people.officers import ANSWERS
from evote_local.people.voters import SIGNATURE_PASSWORD, USER_PIN, open_client
from evote_local.people.voting_page import HeldBallot, VotingPage
from evote_local.people.wall_page import photograph
from playwright.sync_api import Route

from benchmarks.polls import CARD, PHONE, WEIGHTS, Polls, in_a_thread, open_polls

_IN_LINE: Final = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Line/15.10.1"
_PUBLIC: Final = ("ballot", "board", "turnout", "result", "status", "intended", "accessibility")


def main() -> None:
    """Photograph everything into the folder that the command names."""
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    with open_polls(WEIGHTS) as polls:
        screens = _Screens(polls, directory)
        screens.vote_by_card()
        screens.vote_by_face()
        screens.return_from_the_app()
        screens.have_trouble()
        screens.read_in_public()
        screens.hang_on_the_wall()
        screens.come_too_late()


class _Screens:
    """What is photographed, in the order in which it can be: the last one closes the election."""

    def __init__(self, polls: Polls, directory: Path) -> None:
        self._polls = polls
        self._directory = directory
        self._tracker = ""

    def vote_by_card(self) -> None:
        with self._polls.opened() as page:
            tab = page.tab
            self._save(page, "01-election")
            page.button("アクセシビリティ方針").click()
            self._save(page, "02-accessibility")
            page.button("戻る").click()
            page.button("マイナンバーカードとスマートフォン").click()
            self._save(page, "03-phone")
            tab.go_back()
            page.choose_card()
            self._save(page, "04-card")
            page.button("カードで確認を始める").click()
            tab.locator(".number").wait_for()
            self._save(page, "05-card-agent-asks")
            self._polls.desk.consent(USER_PIN, SIGNATURE_PASSWORD)
            tab.locator("fieldset").wait_for()
            page.button("次へ").click()
            self._save(page, "06-question-unanswered")
            tab.get_by_role("radio", name=ANSWERS[0]).check()
            self._save(page, "07-question")
            for name, language in (("08-question-yasashii", "やさしい日本語"), ("09-question-english", "English")):
                tab.get_by_role("button", name=language, exact=True).click()
                self._save(page, name)
            tab.get_by_role("button", name="日本語", exact=True).click()
            page.button("次へ").click()
            page.cast_button.wait_for()
            self._save(page, "10-review")
            tab.emulate_media(color_scheme="dark")
            self._save(page, "11-review-dark")
            tab.emulate_media(color_scheme="light")
            page.button("投票せずに、この票を確かめる").click()
            self._save(page, "12-opened")
            page.button("この票を捨てて、新しい票を作る").click()
            hold = HeldBallot(tab, self._polls.ballots)
            page.cast_button.click()
            hold.wait()
            self._save(page, "13-casting")
            hold.let_go()
            self._tracker = page.receive()
            tab.locator(".states .reached", has_text="外部の台帳にも刻まれました").wait_for()
            self._save(page, "14-receipt")
            page.button("終了する").click()
            tab.get_by_role("heading", name="終了しました").wait_for()
            self._save(page, "15-finished")

    def vote_by_face(self) -> None:
        photo = fetch_photographs() / "obama/1.jpg"
        code = self._polls.letter(photo)
        with self._arrives(fragment=f"#code={code.replace('-', '')}", permissions=["camera"]) as page:
            self._save(page, "20-election-by-post-card")
            page.button("投票コードと顔の確認").click()
            page.type_code(f"{code[:-1]}{'0' if code[-1] != '0' else '1'}")
            self._save(page, "21-code-mistyped")
            page.type_code("0000-0000-0000-0000")
            page.tab.get_by_text("この投票コードは使えません").wait_for()
            self._save(page, "22-code-refused")
            page.type_code(code)
            page.button("カメラを始める").wait_for()
            self._save(page, "23-before-the-camera")
            held = self._hold(page, f"{self._polls.stack.biometric.url}/verifications")
            page.button("カメラを始める").click()
            while not held:
                page.tab.wait_for_timeout(20)
            self._save(page, "24-camera")
            held[0].continue_()
            page.tab.locator(".trouble").wait_for()
            self._save(page, "25-face-refused")
        for name, browser in (
            ("26-camera-forbidden", {}),
            ("27-inside-an-app", {"user_agent": _IN_LINE}),
        ):
            with self._arrives(**browser) as page:
                page.button("投票コードと顔の確認").click()
                page.type_code(code)
                page.button("カメラを始める").click()
                page.tab.locator(".trouble").wait_for()
                self._save(page, name)

    def return_from_the_app(self) -> None:
        with self._arrives() as page:
            page.button("マイナンバーカードとスマートフォン").click()
            page.button("マイナアプリを開く").click()
            page.button(CARD).click()
            page.button("いいえ、違います").wait_for()
            self._save(page, "30-whose")
            page.button("いいえ、違います").click()
            self._save(page, "31-somebody-elses")

    def have_trouble(self) -> None:
        with self._arrives() as page:
            page.button("マイナンバーカードとカードリーダー").click()
            page.tab.locator(".trouble").wait_for()
            self._save(page, "40-no-card-agent")
        origin, tally = self._polls.stack.front.origin, self._polls.stack.tally.url
        with self._tab() as page:
            page.open(origin)
            page.tab.locator(".ways").wait_for()
            self._save(page, "41-elections")
            page.open(f"{origin}/?election=11111111111111")
            page.tab.locator(".trouble").wait_for()
            self._save(page, "42-no-such-election")
            page.tab.route(f"{tally}/**", lambda route: route.abort())
            page.open(self._polls.page)
            page.tab.get_by_text("つながり次第、もう一度試します。").wait_for()
            self._save(page, "43-service-away")
            page.tab.route(f"{origin}/config.json", lambda route: route.fulfill(status=404))
            page.tab.goto(self._polls.page)
            page.tab.get_by_text("投票ページを表示できません。").wait_for()
            self._save(page, "44-not-configured")
        with self._polls.opened() as page:
            page.identify_by_card(self._polls.desk)
            page.answer(ANSWERS[1])
            page.tab.route(self._polls.ballots, lambda route: route.abort())
            page.cast_button.click()
            page.tab.get_by_text("返事が届きません").wait_for()
            self._save(page, "45-no-answer")

    def read_in_public(self) -> None:
        self._polls.stack.open_board()
        for place in _PUBLIC:
            with self._public(place) as page:
                if place == "ballot":
                    page.tab.get_by_label("追跡番号").fill(self._tracker)
                    page.button("確かめる").click()
                    page.tab.locator(".steps").wait_for()
                self._save(page, f"public-{place}")

    def hang_on_the_wall(self) -> None:
        stack = self._polls.stack
        stack.open_wall(self._polls.referendum.officers.election_uuid)
        photograph(self._polls.browser, stack.wall.origin, self._directory)

    def come_too_late(self) -> None:
        with self._polls.opened() as page, self._polls.opened() as unanswered:
            for one in (page, unanswered):
                one.identify_by_card(self._polls.desk)
                one.answer(ANSWERS[0])
            unanswered.tab.clock.install()
            unanswered.tab.route(self._polls.ballots, lambda route: route.abort())
            unanswered.cast_button.click()
            unanswered.tab.get_by_text("返事が届きません").wait_for()
            in_a_thread(self._count())
            page.cast_button.click()
            page.tab.get_by_role("heading", name="投票できませんでした").wait_for()
            self._save(page, "50-refused")
            page.button("選挙のページへ戻る").click()
            self._save(page, "51-closed")
            unanswered.tab.unroute(self._polls.ballots)
            unanswered.tab.route(self._polls.ballots, _by_the_clock)
            unanswered.let_minutes_pass_until("票が届いていたか確かめています")
            self._save(unanswered, "52-asking-after-the-close")
            unanswered.let_minutes_pass_until("票が届いたかどうか、分かりません")
            self._save(unanswered, "53-in-doubt")
        with self._public("result") as page:
            page.tab.locator("table").wait_for()
            self._save(page, "public-result-counted")

    async def _count(self) -> None:
        async with open_client() as client:
            self._polls.referendum.officers.use(client)
            await self._polls.referendum.close_and_count()

    @contextmanager
    def _arrives(self, *, fragment: str = "", **browser: Any) -> Iterator[VotingPage]:
        """At the election's page, by no card agent."""
        with self._tab(**browser) as page:
            page.open(f"{self._polls.page}{fragment}")
            yield page

    @contextmanager
    def _public(self, place: str) -> Iterator[VotingPage]:
        """At a public page that has what it asked for."""
        uuid = self._polls.referendum.officers.election_uuid
        with self._tab() as page:
            page.open(f"{self._polls.stack.board.origin}/?election={uuid}&page={place}")
            if place not in ("ballot", "intended", "accessibility"):
                page.tab.get_by_text("この画面は自動で新しくなります。").wait_for()
            yield page

    @contextmanager
    def _tab(self, **browser: Any) -> Iterator[VotingPage]:
        context = self._polls.browser.new_context(locale="ja-JP", viewport=PHONE, device_scale_factor=2, **browser)
        yield VotingPage(context.new_page())
        context.close()

    def _hold(self, page: VotingPage, address: str) -> list[Route]:
        held: list[Route] = []
        page.tab.route(address, lambda route: held.append(route))
        return held

    def _save(self, page: VotingPage, name: str) -> None:
        page.tab.screenshot(path=self._directory / f"{name}.png", full_page=True, scale="css")


def _by_the_clock(route: Route) -> None:
    """As the release before answers, and a replica that hasn't read all markers of the close: no fact about it."""
    refused = route.fetch()
    route.fulfill(response=refused, body=json.dumps({**refused.json(), "settled": False}))


if __name__ == "__main__":
    main()
