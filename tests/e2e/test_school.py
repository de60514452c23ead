"""A school's election in Chromium: auth knows no authority of cards, so voters come by voting code and face alone.

On a phone's screen; of the two voters the first has a face enrolled, and the second has none.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest
from evote_jpki.emulator import EmulatedCard
from evote_jpki.vpcd import InsertedCard
from evote_local.nodes.pcsc import PcscDaemon
from evote_local.people.officers import ANSWERS
from evote_local.people.voters import open_client
from evote_local.people.voting_page import VotingPage
from evote_local.stack.card_desk import CardDesk
from evote_local.stack.stack import WEIGHTS, Stack
from playwright.sync_api import Route, expect

from ..platforms import running_stack
from .before_the_page import LANGUAGES, change_language, fit_for_everybody, key_to
from .face_election import FaceElection, face_election

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(300)]

YES, _ = ANSWERS
CODE_AND_FACE, COUNTER = "投票コードと顔の確認（スマートフォン・パソコン）", "窓口・投票所"
SPEAKS_OF_A_CARD = re.compile(r"カード|\bcards?\b", re.IGNORECASE)
_READER = "PCD 0 00 00"


@pytest.fixture(scope="module")
def school(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaceElection]:
    weights = WEIGHTS.resolve()
    with (
        running_stack(weights, before_start=Stack.take_no_cards) as stack,
        face_election(stack, weights, tmp_path_factory.mktemp("school"), enrolled=1, others=1) as election,
    ):
        yield election


def test_a_page_that_still_offers_a_card_is_refused_before_a_pin_is_asked_for_and_names_the_other_ways(
    school: FaceElection,
    pcscd: PcscDaemon,
    insert: Callable[..., AbstractContextManager[InsertedCard]],
    card: EmulatedCard,
) -> None:
    """As one that was opened while auth still took cards."""

    def offer_a_card(route: Route) -> None:
        answer = route.fetch()
        assert answer.json()["card"] is False
        route.fulfill(response=answer, body=json.dumps({**answer.json(), "card": True}))

    uuid = school.referendum.officers.election_uuid
    page = school.takes_phone()
    page.tab.route("**/config.json", offer_a_card)
    with insert(card), CardDesk([uuid], pcsc=pcscd.environment, reader=_READER, page=school.address) as desk:
        shown = desk.screen.strip()
        page.open(desk.paired_page)
        page.choose_card()
        page.button("カードで確認を始める").tap()
        page.tab.get_by_text("カードによる投票はできません").wait_for()
        expect(page.tab.locator(".code code")).to_have_text("card-not-offered")
        assert desk.screen.strip() == shown, "the agent asked for nothing"
    _offers(page, CODE_AND_FACE, COUNTER)
    fit_for_everybody(page, "card, not offered")
    page.button(CODE_AND_FACE).tap()
    page.tab.get_by_label("投票コード").wait_for()
    _ends(page)


def test_who_has_no_face_enrolled_is_sent_to_no_card(school: FaceElection) -> None:
    page = school.takes_phone()
    page.open(school.address)
    page.button(CODE_AND_FACE).tap()
    page.type_code(school.code(1))
    page.button("カメラを始める").tap()
    page.tab.get_by_text("顔が登録されていません").wait_for()
    fit_for_everybody(page, "face, not enrolled")
    _speaks_of_no_card(page)
    _offers(page, COUNTER)
    _ends(page)


def test_a_voter_comes_through_by_keyboard_alone_and_is_counted_and_no_page_speaks_of_a_card(
    school: FaceElection,
) -> None:
    """Last: closes the election."""
    page = school.takes_phone()
    tab = page.tab

    def look(state: str, *where: str) -> None:
        fit_for_everybody(page, state)
        _speaks_of_no_card(page, *where)

    page.open(school.address)
    _offers(page, CODE_AND_FACE, COUNTER)
    look("election")
    key_to(tab, "アクセシビリティ方針", "Enter")
    # What was tested is told whole: the page of a city with cards is the same.
    look("accessibility", "section:last-of-type")
    key_to(tab, "戻る", "Enter")
    key_to(tab, CODE_AND_FACE, "Enter")
    look("code, just come")
    key_to(tab, "コードを確かめる", "Enter")
    expect(tab.locator(".errors")).to_be_focused()
    look("code, none")
    key_to(tab, "投票コード", "End")
    tab.keyboard.type("0000-0000-0000-0000")
    tab.keyboard.press("Enter")
    tab.get_by_text("この投票コードは使えません").wait_for()
    _offers(page, COUNTER)
    look("code, refused")
    key_to(tab, "投票コード", "Control+A")
    tab.keyboard.type(school.code(0))
    tab.keyboard.press("Enter")
    page.button("カメラを始める").wait_for()
    look("before the camera is on")
    page.show_face(press=lambda start: key_to(tab, start.inner_text(), "Enter"))
    look("question, just come")
    key_to(tab, YES, "Space")
    key_to(tab, "次へ", "Enter")
    page.cast_button.wait_for()
    look("review")
    key_to(tab, "この内容で投票する", "Enter")
    page.receive()
    tab.locator(".states .reached", has_text="公開の記録に載りました").wait_for()
    look("receipt")
    key_to(tab, "終了する（この端末に何も残しません）", "Enter")
    look("finished")
    _ends(page)
    with ThreadPoolExecutor(1) as pool:
        # Playwright has this thread's event loop.
        counts = pool.submit(asyncio.run, _counted(school)).result()
    assert counts == [0, 1, 0]


def _offers(page: VotingPage, *ways: str) -> None:
    """These ways and no others, in this order."""
    expect(page.tab.locator(".ways > li > :is(button, strong)")).to_have_text(ways)


def _speaks_of_no_card(page: VotingPage, where: str = "body") -> None:
    """There, in any of its languages; ends in Japanese."""
    for language in LANGUAGES:
        change_language(page.tab, language)
        text = page.tab.locator(where).inner_text()
        assert [line for line in text.splitlines() if SPEAKS_OF_A_CARD.search(line)] == []


def _ends(page: VotingPage) -> None:
    assert page.faults == []
    page.tab.context.close()


async def _counted(school: FaceElection) -> list[int]:
    async with open_client() as client:
        school.referendum.officers.use(client)
        return await school.referendum.close_and_count()
