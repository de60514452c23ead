"""The voting page as residents have it: built, served by nginx under its policy, in Chromium, on the whole platform.

Each test is a resident of their own, who identifies with a card in a virtual reader through the card agent.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from evote_jpki.cardfile import save_card
from evote_jpki.vpcd import InsertedCard
from evote_local.nodes.pcsc import PcscDaemon
from evote_local.people.officers import ANSWERS
from evote_local.people.voters import SIGNATURE_PASSWORD, USER_PIN, open_client
from evote_local.people.voting_page import NOT_YET_VOTED, HeldBallot, VotingPage, open_browser
from evote_local.referendum.referendum import Referendum
from evote_local.stack.card_desk import CardDesk
from evote_local.stack.stack import Stack
from playwright.sync_api import Browser, BrowserContext, Route, expect

from ..before_the_page import comes_to, fit_for_everybody, keeps_nothing, key_to, told

pytestmark = [pytest.mark.stack, pytest.mark.slow]

VOTERS = 16
BUSY_FOR_S = 60
YES, NO = ANSWERS
_READER, _SLOT = "PCD 0 00 00", 0


@dataclass
class Town:
    """One election, its front, and one browser program for all who vote."""

    stack: Stack
    referendum: Referendum
    browser: Browser
    desk: CardDesk
    page: str
    """The election's address."""
    expected: dict[int, str] = field(default_factory=dict)
    """By voter: the last answer that a receipt was given for."""

    @property
    def ballots(self) -> str:
        """Where ballots are posted."""
        return f"{self.stack.ballots[0].url}/elections/{self.referendum.officers.election_uuid}/ballots"


@pytest.fixture(scope="module")
def town(stack: Stack, pcscd: PcscDaemon, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    referendum = asyncio.run(_prepared(stack, tmp_path_factory.mktemp("voting-page")))
    stack.open_front()
    uuid = referendum.officers.election_uuid
    page = f"{stack.front.origin}/?election={uuid}"
    with (
        CardDesk([uuid], pcsc=pcscd.environment, reader=_READER, page=page) as desk,
        open_browser() as browser,
    ):
        yield Town(stack, referendum, browser, desk, page)
    stack.front.stop()


async def _prepared(stack: Stack, directory: Path) -> Referendum:
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=VOTERS, seed=20261128)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
    return referendum


class Resident:
    """At a PC with a card in its reader; each :meth:`opens` the page in a browser without a past."""

    def __init__(self, town: Town, number: int) -> None:
        self._town = town
        self._number = number
        self._contexts: list[BrowserContext] = []
        self.pages: list[VotingPage] = []

    def opens(self, **browser: Any) -> VotingPage:
        """The election's page, as the card agent opens it."""
        context = self._town.browser.new_context(**{"locale": "ja-JP", **browser})
        self._contexts.append(context)
        return self.opens_tab(context)

    def opens_tab(self, context: BrowserContext) -> VotingPage:
        """Another tab of a browser."""
        page = VotingPage(context.new_page())
        self.pages.append(page)
        page.open(self._town.desk.paired_page)
        return page

    def meant(self, answer: str) -> None:
        """Has a receipt for it: this is what has to be counted."""
        self._town.expected[self._number] = answer

    def leaves(self) -> None:
        """Close every browser. Whatever was done, no program of a page failed."""
        assert [fault for page in self.pages for fault in page.faults] == []
        for context in self._contexts:
            context.close()


_turns = iter(range(VOTERS))


@pytest.fixture
def resident(town: Town, insert: Callable[..., AbstractContextManager[InsertedCard]]) -> Iterator[Resident]:
    number = next(_turns)
    with insert(town.referendum.voters[number].card, _SLOT):
        here = Resident(town, number)
        yield here
        here.leaves()


# --- access: each state, as it is found on the way to the receipt


def test_a_resident_votes_by_keyboard_alone_and_axe_finds_nothing_on_any_page(town: Town, resident: Resident) -> None:
    page = resident.opens()
    tab = page.tab
    # The pairing is erased at once.
    expect(tab).to_have_url(town.page)
    fit_for_everybody(page, "election")
    key_to(tab, "アクセシビリティ方針", "Enter")
    fit_for_everybody(page, "accessibility")
    key_to(tab, "戻る", "Enter")
    key_to(tab, "マイナンバーカードとカードリーダー（パソコン）", "Enter")
    page.button("カードで確認を始める").wait_for()
    fit_for_everybody(page, "card")
    key_to(tab, "カードで確認を始める", "Enter")
    tab.locator(".number").wait_for()
    fit_for_everybody(page, "card agent asks")
    town.desk.consent(USER_PIN, SIGNATURE_PASSWORD)
    tab.locator("fieldset").wait_for()
    fit_for_everybody(page, "question, just come")
    key_to(tab, "次へ", "Enter")
    expect(tab.locator(".errors")).to_be_focused()
    fit_for_everybody(page, "question, unanswered")
    key_to(tab, YES, "Space")
    fit_for_everybody(page, "question")
    key_to(tab, "次へ", "Enter")
    page.cast_button.wait_for()
    fit_for_everybody(page, "review")
    key_to(tab, "投票せずに、この票を確かめる", "Enter")
    fit_for_everybody(page, "opened")
    opened = tab.locator(".tracker").inner_text()
    key_to(tab, "この票を捨てて、新しい票を作る", "Enter")
    page.cast_button.wait_for()
    assert tab.locator(".tracker").inner_text() != opened, "a ballot that was opened is never cast"
    hold = HeldBallot(tab, town.ballots)
    key_to(tab, "この内容で投票する", "Enter")
    hold.wait()
    fit_for_everybody(page, "casting")
    hold.let_go()
    page.receive()
    resident.meant(YES)
    expect(tab).not_to_have_title(re.compile(NOT_YET_VOTED))
    tab.locator(".states .reached", has_text="公開の記録に載りました").wait_for()
    fit_for_everybody(page, "receipt")
    key_to(tab, "終了する（この端末に何も残しません）", "Enter")
    fit_for_everybody(page, "finished")


def test_a_resident_votes_by_the_phones_app_which_returns_into_another_browser(town: Town) -> None:
    number = next(_turns)
    phone = town.stack.phone
    assert phone is not None
    save_card(town.referendum.voters[number].card, phone.cards / "voter.card")
    here = Resident(town, number)
    page = here.opens(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page.button("マイナンバーカードとスマートフォン").tap()
    fit_for_everybody(page, "phone")
    page.button("マイナアプリを開く").tap()
    page.button("voter").wait_for()
    app = page.tab.url
    returned = here.opens(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    returned.open(app)
    returned.button("voter").tap()
    returned.button("はい、わたしです").wait_for()
    expect(returned.tab.locator(".holder")).to_have_text(town.referendum.name_of(number))
    # State and code are erased.
    expect(returned.tab).to_have_url(town.page)
    fit_for_everybody(returned, "phone, whose")
    returned.button("はい、わたしです").tap()
    returned.tab.locator("fieldset").wait_for()
    returned.answer(NO)
    returned.cast_button.tap()
    returned.receive()
    here.meant(NO)
    here.leaves()


def test_who_opens_somebody_elses_way_back_from_the_app_sees_the_name_and_votes_with_nobodys_credential(
    town: Town,
) -> None:
    """The attacker stops their own return and sends its address to a voter, who would vote for them to supersede."""
    number = next(_turns)
    phone = town.stack.phone
    assert phone is not None
    save_card(town.referendum.voters[number].card, phone.cards / "attacker.card")
    here = Resident(town, number)
    attackers = here.opens()
    attackers.button("マイナンバーカードとスマートフォン").click()
    attackers.button("マイナアプリを開く").click()
    attackers.button("attacker").wait_for()
    links: list[str] = []

    def stop(route: Route) -> None:
        links.append(route.fetch(max_redirects=0).headers["location"])
        route.fulfill(status=204)

    attackers.tab.route(attackers.tab.url, stop)
    attackers.button("attacker").click()
    while not links:
        attackers.tab.wait_for_timeout(20)
    voters = here.opens()
    voters.open(links[0])
    voters.button("いいえ、違います").wait_for()
    expect(voters.tab.locator(".holder")).to_have_text(town.referendum.name_of(number))
    voters.button("いいえ、違います").click()
    voters.tab.get_by_text("ほかの方の資格だったので、捨てました。").wait_for()
    fit_for_everybody(voters, "phone, somebody else's")
    assert not [one for one in voters.network.sent if one.url == town.ballots]
    here.leaves()


# --- nothing goes astray


def _posted(page: VotingPage, town: Town) -> list[str]:
    return [sent.body for sent in page.network.sent if sent.method == "POST" and sent.url == town.ballots]


def test_a_double_tap_casts_one_ballot(town: Town, resident: Resident) -> None:
    page = resident.opens(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    page.identify_by_card(town.desk)
    page.answer(YES)
    shown = page.tab.locator(".tracker").inner_text()
    page.cast_button.dblclick()
    assert page.receive() == shown, "the tracker was there before the voter decided"
    resident.meant(YES)
    assert len(_posted(page, town)) == 1


def test_after_a_reload_the_same_bytes_are_posted_and_one_receipt_comes(town: Town, resident: Resident) -> None:
    page = resident.opens()
    page.identify_by_card(town.desk)
    page.answer(NO)
    hold = HeldBallot(page.tab, town.ballots)
    page.cast_button.click()
    hold.wait()
    page.tab.reload()
    assert page.asked == ["beforeunload"], "who leaves while a ballot is on its way is asked first"
    page.receive()
    resident.meant(NO)
    assert _posted(page, town)[-1] == hold.body


def test_a_lost_answer_and_a_busy_service_cost_nothing_but_time(town: Town, resident: Resident) -> None:
    page = resident.opens()
    page.identify_by_card(town.desk)
    page.answer(YES)
    answers = _answers(page, town, _be_busy)
    page.cast_button.click()
    page.tab.get_by_text(f"{BUSY_FOR_S} 秒後に同じ票を送り直します").wait_for()
    answers.append(_lose_the_answer)
    page.button("今すぐ試す").click()
    page.tab.get_by_text("返事が届きません").wait_for()
    # The ballot is there, but the voter can't know it.
    expect(page.tab).to_have_title(re.compile(NOT_YET_VOTED))
    answers.append(Route.continue_)
    page.receive()
    resident.meant(YES)
    bodies = _posted(page, town)
    assert len(bodies) >= 3 and len(set(bodies)) == 1


def _answers(page: VotingPage, town: Town, first: Callable[[Route], None]) -> list[Callable[[Route], None]]:
    """How ballots of this page are answered: the last of these goes on until the test appends another, so that nothing
    depends on how long a state lasts.
    """
    answers = [first]
    page.tab.route(town.ballots, lambda route: answers[-1](route))
    return answers


def _lose_the_answer(route: Route) -> None:
    route.fetch()
    route.abort("connectionreset")


def _be_busy(route: Route) -> None:
    origin = route.request.headers["origin"]
    route.fulfill(
        status=503,
        headers={
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": "Retry-After",
            "Retry-After": str(BUSY_FOR_S),
            "Content-Type": "application/problem+json",
        },
        body=json.dumps({"type": "urn:tsukuba-evote:problem:overloaded", "title": "", "status": 503, "detail": ""}),
    )


def test_back_loses_no_answer_and_leads_out_of_no_ballot_on_its_way(town: Town, resident: Resident) -> None:
    page = resident.opens()
    tab = page.tab
    page.identify_by_card(town.desk)
    page.answer(NO)
    tab.go_back()
    expect(tab.get_by_role("radio", name=NO)).to_be_checked()
    tab.go_back()
    # Before the first question is the identification.
    expect(tab.get_by_role("radio", name=NO)).to_be_checked()
    page.answer(NO)
    hold = HeldBallot(tab, town.ballots)
    page.cast_button.click()
    hold.wait()
    tab.go_back()
    tab.get_by_role("heading", name="投票を送っています").wait_for()
    hold.let_go()
    page.receive()
    tab.go_back()
    page.receive()
    resident.meant(NO)


def test_who_closes_the_page_before_the_answer_votes_again(town: Town, resident: Resident) -> None:
    page = resident.opens()
    page.identify_by_card(town.desk)
    page.answer(YES)
    hold = HeldBallot(page.tab, town.ballots)
    page.cast_button.click()
    hold.wait()
    context = page.tab.context
    page.tab.close()
    again = resident.opens_tab(context)
    keeps_nothing(again.tab)
    again.vote(town.desk, NO)
    resident.meant(NO)


def test_the_last_of_two_tabs_and_a_second_browser_counts(town: Town, resident: Resident) -> None:
    page = resident.opens()
    other = resident.opens_tab(page.tab.context)
    page.identify_by_card(town.desk)
    page.answer(YES)
    first = other.vote(town.desk, YES)
    page.cast_button.click()
    second = page.receive()
    phone = resident.opens(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844})
    third = phone.vote(town.desk, NO)
    resident.meant(NO)
    assert len({first, second, third}) == 3


# --- what is left behind, and what is sent


def test_after_finishing_nothing_is_left_in_storage_history_and_address(town: Town, resident: Resident) -> None:
    page = resident.opens()
    tab = page.tab
    tracker = page.vote(town.desk, YES)
    resident.meant(YES)
    # A reload brings the receipt back.
    comes_to(tab, f"(sessionStorage.getItem('tsukuba-evote') ?? '').includes('{tracker}')", True)
    tab.reload()
    assert page.receive() == tracker
    page.button("終了する").click()
    tab.get_by_role("heading", name="終了しました").wait_for()
    keeps_nothing(tab)
    devtools = tab.context.new_cdp_session(tab)
    history = devtools.send("Page.getNavigationHistory")["entries"]
    assert {entry["url"] for entry in history} <= {"about:blank", town.page}
    for _ in history:
        tab.go_back()
        assert tracker not in tab.content() and YES not in tab.content()
        kept = tab.evaluate("history.state")
        assert kept is None or list(kept) == ["place"], "the history holds names of pages"


def test_what_auth_and_ballot_are_told_has_nothing_in_common_and_no_vote_in_it(
    town: Town, insert: Callable[..., AbstractContextManager[InsertedCard]]
) -> None:
    """What both are told of one resident, both are told of any other as well: it tells nobody apart."""
    common = []
    for _ in range(2):
        number = next(_turns)
        with insert(town.referendum.voters[number].card, _SLOT):
            here = Resident(town, number)
            page = here.opens()
            page.vote(town.desk, YES)
            here.meant(YES)
            sent = page.network.sent
            auth = [one for one in sent if one.url.startswith(town.stack.auth.url)]
            ballot = [one for one in sent if one.url.startswith(town.stack.ballots[0].url)]
            assert {one.method for one in auth} >= {"POST", "OPTIONS"} and {one.method for one in ballot} >= {
                "POST",
                "OPTIONS",
            }
            common.append(told(auth) & told(ballot))
            said = "\n".join(f"{one.url} {one.headers} {one.body}" for one in sent)
            for word in (YES, NO, "cookie", "referer", "traceparent", "x-request-id"):
                assert word not in said, word
            assert re.search(r"\[[01](, ?[01])+\]", said) is None, "a plain answer"
            here.leaves()
    assert common[0] == common[1]
    assert any(town.referendum.officers.election_uuid in each for each in common[0]), (
        "the comparison sees what is common"
    )


def test_every_receipt_counts_and_who_comes_too_late_or_had_no_answer_at_the_close_is_told_so(
    town: Town, resident: Resident
) -> None:
    """Last: closes the election."""
    late = resident.opens()
    late.identify_by_card(town.desk)
    late.answer(YES)
    # Of one ballot the answers are lost until the close, another one never arrives; neither voter can know which.
    unanswered, unheard = _by_phone(town, "unanswered"), _by_phone(town, "unheard")
    [page], [other] = unanswered.pages, unheard.pages
    answers, others = _answers(page, town, _lose_the_answer), _answers(other, town, Route.abort)
    for one in (page, other):
        one.tab.clock.install()
        one.cast_button.click()
        one.tab.get_by_text("返事が届きません").wait_for()
    unanswered.meant(NO)
    with ThreadPoolExecutor(1) as pool:
        # Playwright has this thread's event loop.
        counts = pool.submit(asyncio.run, _counted(town)).result()
    meant = list(town.expected.values())
    assert counts == [0, meant.count(YES), meant.count(NO)]
    late.cast_button.click()
    late.tab.get_by_role("heading", name="投票できませんでした").wait_for()
    fit_for_everybody(late, "refused")
    late.button("選挙のページへ戻る").click()
    late.tab.get_by_text("投票は締め切られました。").wait_for()
    expect(late.button("マイナンバーカード")).to_have_count(0)
    asking = "投票は締め切られました。票が届いていたか確かめています"

    def by_the_clock(route: Route) -> None:
        """As a replica of the release before does, which hasn't read the ballot's record yet: no fact about it."""
        refused = route.fetch(post_data=_posted(late, town)[-1])
        route.fulfill(response=refused, body=json.dumps({**refused.json(), "settled": False}))

    answers.append(by_the_clock)
    others.append(by_the_clock)
    for one in (page, other):
        one.let_minutes_pass_until(asking)
        fit_for_everybody(one, "in doubt, asking")
    answers.append(Route.continue_)
    page.let_minutes_pass_until("投票を受け付けました")
    fit_for_everybody(page, "receipt")
    other.let_minutes_pass_until("票が届いたかどうか、分かりません")
    fit_for_everybody(other, "in doubt, unanswered")
    for one in (page, other):
        bodies = _posted(one, town)
        assert len(bodies) >= 3 and len(set(bodies)) == 1
    others.append(Route.continue_)
    other.button("もう一度確かめる").click()
    other.let_minutes_pass_until("投票できませんでした")
    fit_for_everybody(other, "refused for good")
    unanswered.leaves()
    unheard.leaves()
    too_late = resident.opens()
    too_late.tab.get_by_text("投票は締め切られました。").wait_for()
    fit_for_everybody(too_late, "closed")
    expect(too_late.button("マイナンバーカード")).to_have_count(0)


def _by_phone(town: Town, card: str) -> Resident:
    """A resident of their own before a ballot that answers no, identified by the phone's app."""
    phone = town.stack.phone
    assert phone is not None
    number = next(_turns)
    save_card(town.referendum.voters[number].card, phone.cards / f"{card}.card")
    here = Resident(town, number)
    page = here.opens()
    page.button("マイナンバーカードとスマートフォン").click()
    page.button("マイナアプリを開く").click()
    page.hold_card_to_phone(card)
    page.answer(NO)
    return here


async def _counted(town: Town) -> list[int]:
    async with open_client() as client:
        town.referendum.officers.use(client)
        return await town.referendum.close_and_count()
