"""The city's wall, in Chromium: on the whole platform with a Prometheus behind it, and in each of its states."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from evote_cli.officer_key import write_officer_key
from evote_local.people.staff import DEPLOYMENT, Staff, StaffMember
from evote_local.people.voters import open_client
from evote_local.people.voting_page import VotingPage, open_browser
from evote_local.people.wall_page import ACKNOWLEDGE, HD, STATES, UHD, answered, hang
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.stack.stack import Stack
from playwright.sync_api import Browser, Page, expect

from ..before_the_page import axe_finds_nothing, comes_to

pytestmark = [pytest.mark.stack, pytest.mark.slow]

VOTERS = 3
_SOON_MS = 120_000
_HELD = "dialog[open]"

Hang = Callable[[str], Page]


@pytest.fixture(scope="module")
def wall(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Its origin, for an election in which somebody has voted."""
    uuid = asyncio.run(_voted(stack, tmp_path_factory.mktemp("wall")))
    stack.open_wall(uuid)
    return stack.wall.origin


async def _voted(stack: Stack, directory: Path) -> str:
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=VOTERS, seed=45)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        with device_pool() as executor:
            polls = await referendum.open_polls(executor)
            for voter in referendum.voters:
                await polls.obtain_credential(voter, client)
                await polls.cast(voter, "はい", [[0, 1, 0]], client)
        return referendum.officers.election_uuid


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as running:
        yield running


@pytest.fixture
def state(wall: str, browser: Browser) -> Iterator[Hang]:
    """The wall in a written state, at 1080p."""
    context = browser.new_context(locale="ja-JP", viewport=HD)

    def hung(name: str) -> Page:
        tab = context.new_page()
        hang(tab, wall, answered(name))
        return tab

    yield hung
    context.close()


def test_the_wall_shows_the_vote_as_it_goes_and_asks_its_own_server_alone(
    stack: Stack, wall: str, browser: Browser, tmp_path: Path
) -> None:
    page = VotingPage(browser.new_context(locale="ja-JP", viewport=HD).new_page())
    tab = page.tab
    tab.goto(wall)
    counts = tab.locator(".counts dd")
    expect(counts.nth(0)).to_have_text(f"{VOTERS}人", timeout=_SOON_MS)
    expect(counts.nth(1)).to_have_text("100.00％")
    expect(tab.locator(".steps .figure").nth(1)).to_have_text(f"{VOTERS}票", timeout=_SOON_MS)
    # Prometheus has read the services and judged the rules: every panel is of now, and no way in is anything but well.
    expect(tab.get_by_text("すべて更新されています。")).to_be_visible(timeout=_SOON_MS)
    expect(tab.locator(".ways .mark.well")).to_have_count(2, timeout=_SOON_MS)
    expect(tab.locator(".steps .mark.well")).to_have_count(4)
    expect(tab.locator(".ways li p")).to_have_text(["本人確認の待ち 0 人"] * 2)
    expect(tab.locator(".queues dl > div", has_text="受け付けを待つ票")).to_contain_text("0 票")
    expect(tab.get_by_text("改ざんの知らせはありません")).to_be_visible()
    sato, stranger = stack.identities.staff.sato, Staff().sato
    _say(stack, tab, tmp_path, sato, "並木の投票所の回線が切れています")
    expect(tab.get_by_text("並木の投票所の回線が切れています")).to_be_visible(timeout=_SOON_MS)
    expect(tab.locator(".ways .mark.slows")).to_have_count(1)
    # Of the same name, with a key that isn't on the roster.
    _say(stack, tab, tmp_path, stranger, "投票は中止です")
    expect(tab.get_by_text("職員の署名を確かめられない知らせ")).to_be_visible(timeout=_SOON_MS)
    expect(tab.get_by_text("投票は中止です")).to_have_count(0)
    expect(tab.get_by_text("並木の投票所の回線が切れています")).to_be_visible()
    assert {sent.method for sent in page.network.sent} == {"GET"}
    assert all(sent.url.startswith(f"{wall}/") for sent in page.network.sent), "nobody else is asked"
    assert page.faults == []
    tab.context.close()


def _say(stack: Stack, tab: Page, folder: Path, who: StaffMember, text: str) -> None:
    key = folder / "officer.key"
    key.unlink(missing_ok=True)
    write_officer_key(key, DEPLOYMENT, who.identifier, who.key, "p")
    election = tab.evaluate("fetch('/config.json').then((answer) => answer.json()).then(({election}) => election)")
    file = str(stack.wall.announcements)
    told = ("wall", "say", election, text, "--way", "phone", "--file", file, "--yes")
    own = {**os.environ, "EVOTE_OFFICER_KEY": str(key), "EVOTE_OFFICER_PASSWORD": "p"}
    subprocess.run([sys.executable, "-m", "evote_cli.main", *told], env=own, check=True, timeout=60)


def test_whoever_sits_at_the_wall_can_ask_nothing_else(wall: str) -> None:
    with httpx.Client(base_url=wall, timeout=30) as client:
        asked = client.get("/read/ballots-waiting", params={"query": "evote_build_info"}).json()["data"]["result"]
        assert [series["metric"] for series in asked] == [{}], "the query is the server's own"
        assert client.get("/read/turnout", headers={"If-None-Match": "*", "Authorization": "x"}).status_code == 200
        assert client.post("/read/alerts", content=b"query=up").status_code == 403
        for path in ("/api/v1/query?query=up", "/read/", "/read/up", "/read/alerts/../../metrics", "/metrics"):
            assert client.get(path).status_code == 404, path


@pytest.mark.parametrize("name", STATES)
def test_each_state_is_clean_for_axe_and_fits_the_screen_in_both_languages(state: Hang, name: str) -> None:
    tab = state(name)
    if name == "nothing":
        expect(tab.locator(".panel.old")).to_have_count(8)
    else:
        expect(tab.locator(".panel.close header p")).to_contain_text("現在")
    held = name in ("alarm", "told", "much", "tampering")
    expect(tab.locator(_HELD)).to_have_count(int(held))
    axe_finds_nothing(tab, name)
    if held:
        tab.get_by_role("button", name=ACKNOWLEDGE).click()
    for language in ("ja", "en"):
        expect(tab.locator("html")).to_have_attribute("lang", language)
        for screen in (HD, UHD):
            tab.set_viewport_size(screen)
            size = "(({scrollWidth, scrollHeight}) => [scrollWidth, scrollHeight])(document.documentElement)"
            comes_to(tab, size, [screen["width"], screen["height"]])
        tab.get_by_role("button", name="English" if language == "ja" else "日本語", exact=True).click()


def test_letters_grow_with_the_screen_and_whoever_zooms_in_reads_it_all(state: Hang) -> None:
    tab = state("told")
    tab.get_by_role("button", name=ACKNOWLEDGE).click()
    expect(tab.locator(".counts dd").first).to_be_visible()
    figure = "parseFloat(getComputedStyle(document.querySelector('.counts dd')).fontSize)"
    small = tab.evaluate(figure)
    tab.set_viewport_size(UHD)
    comes_to(tab, figure, pytest.approx(2 * small))
    # A browser zoomed to 400 % has a quarter of the pixels.
    tab.set_viewport_size({"width": 480, "height": 270})
    comes_to(tab, "document.documentElement.scrollWidth <= 480", True)
    assert tab.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") >= 16


def test_an_alarm_holds_the_keyboard_until_it_was_seen(state: Hang) -> None:
    tab = state("alarm")
    button = tab.get_by_role("button", name=ACKNOWLEDGE)
    expect(button).to_be_focused()
    expect(tab.get_by_role("alertdialog", name="警報")).to_contain_text("カードの失効を確かめられません")
    for _ in range(3):
        tab.keyboard.press("Escape")
    expect(tab.locator(_HELD)).to_be_visible()
    expect(tab).to_have_title(re.compile("警報"))
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.closest('dialog') !== null || document.activeElement === document.body")
    button.focus()
    tab.keyboard.press("Enter")
    expect(tab.locator(_HELD)).to_have_count(0)
    expect(tab.locator(".alarms .page")).to_contain_text("確認済み")
    expect(tab.locator(".ways .mark.stops")).to_have_count(2)
    for name in ("音を鳴らす", "English"):
        tab.keyboard.press("Tab")
        expect(tab.get_by_role("button", name=name, exact=True)).to_be_focused()
    tab.reload()
    expect(tab.locator(".alarms .page")).to_contain_text("確認済み")
    expect(tab.locator(_HELD)).to_have_count(0)


def test_old_data_are_said_to_be_old_by_each_panel_and_nothing_stays_green(state: Hang) -> None:
    tab = state("old")
    for panel in ("counts", "hours", "steps", "ways", "queues", "alarms"):
        expect(tab.locator(f".panel.{panel} header")).to_contain_text("更新停止（14:23 から）")
    for panel in ("close", "announcements"):
        expect(tab.locator(f".panel.{panel} header")).to_contain_text("現在")
    expect(tab.locator(".ways .mark.unknown")).to_have_count(4)
    expect(tab.locator(".steps .mark.unknown")).to_have_count(4)
    expect(tab.locator(".alarms .well")).to_have_count(0)
    expect(tab.get_by_role("status")).to_contain_text("更新停止")


def test_a_wall_whose_server_is_gone_says_so_of_all_that_it_shows(wall: str, browser: Browser) -> None:
    tab = browser.new_context(locale="ja-JP", viewport=HD).new_page()
    answers = answered("well")
    hang(tab, wall, answers)
    expect(tab.get_by_text("すべて更新されています。")).to_be_visible()
    answers.clear()
    tab.clock.fast_forward(240_000)
    expect(tab.locator(".panel.old")).to_have_count(8)
    expect(tab.locator(".mark.well")).to_have_count(0)
    tab.context.close()
