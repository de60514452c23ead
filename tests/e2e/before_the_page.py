"""What each page and state of the residents' page is looked at for, and what a tab told whom."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

from evote_local.people.voting_page import NOT_YET_VOTED, VOTED_IN_DOUBT, Sent, VotingPage
from playwright.sync_api import Page, expect

LANGUAGES = ("English", "やさしい日本語", "日本語")
"""Of the residents' and the public pages, as their buttons name them; a look ends in the last."""
_AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
_WITHIN_S = 60


def fit_for_everybody(page: VotingPage, state: str) -> None:
    """The heading has the focus; axe is content in light and dark; nothing scrolls sideways on a phone with large
    letters; no target is small.
    """
    tab = page.tab
    if state not in ("receipt", "finished"):
        notice = VOTED_IN_DOUBT if state.startswith("in doubt") else NOT_YET_VOTED
        expect(tab, state).to_have_title(re.compile(re.escape(notice)))
    # Where the page stays as it is, but for what went wrong, that is read out and the focus stays on what was pressed.
    focused = tab.locator("h1:focus, .errors:focus, input:focus").or_(tab.get_by_role("alert"))
    expect(focused.first, f"{state}: neither heading nor summary nor field has the focus").to_be_attached()
    axe_finds_nothing(tab, state)
    nothing_scrolls_sideways(tab, state)
    small = tab.evaluate(
        """[...document.querySelectorAll("button, a, summary, label.option, input[type=text]")]
        .filter((target) => !target.matches(".skip") && target.checkVisibility())
        .map((target) => [target.innerText, target.getBoundingClientRect()])
        .filter(([, {width, height}]) => width < 44 || height < 44).map(([text]) => text)"""
    )
    assert small == [], f"{state}: targets below 44 pixels"


def axe_finds_nothing(tab: Page, state: str) -> None:
    """In dark and in light, in which it ends."""
    if tab.evaluate("typeof axe") == "undefined":
        tab.evaluate(_AXE.read_text("utf-8"))
    for scheme in ("dark", "light"):
        tab.emulate_media(color_scheme=scheme)
        found = tab.evaluate(
            "axe.run().then(({violations}) => violations.map(({id, nodes}) => [id, nodes.map((n) => n.html)]))"
        )
        assert found == [], f"{state}, {scheme}"


def nothing_scrolls_sideways(tab: Page, state: str) -> None:
    """On a small phone with large letters, in any language; ends in Japanese, and on the screen that it was."""
    wide = tab.viewport_size
    assert wide is not None
    tab.set_viewport_size({"width": 320, "height": 640})
    tab.evaluate("document.documentElement.style.fontSize = '200%'")
    for language in LANGUAGES:
        change_language(tab, language)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 320, f"{state} scrolls sideways in {language}"
    tab.evaluate("document.documentElement.style.fontSize = ''")
    tab.set_viewport_size(wide)


def change_language(tab: Page, language: str) -> None:
    """To one of :data:`LANGUAGES`, and wait until the page is in it."""
    button = tab.get_by_role("button", name=language, exact=True)
    button.click()
    expect(button).to_have_attribute("aria-current", "true")


def comes_to(tab: Page, script: str, value: object) -> None:
    """Ask the page until the script gives the value: what follows from a click follows when the page gets to it."""
    until = time.monotonic() + _WITHIN_S
    while (found := tab.evaluate(script)) != value and time.monotonic() < until:
        tab.wait_for_timeout(50)
    assert found == value, script


def keeps_nothing(tab: Page) -> None:
    """The browser has nothing of a voter."""
    comes_to(tab, "[sessionStorage.length, localStorage.length, document.cookie]", [0, 0, ""])
    comes_to(tab, "indexedDB.databases().then((all) => all.length)", 0)
    comes_to(tab, "caches.keys().then((all) => all.length)", 0)


def key_to(tab: Page, name: str, key: str) -> None:
    """Press Tab until what bears the name has the focus, and then the key."""
    until = time.monotonic() + _WITHIN_S
    while time.monotonic() < until:
        tab.keyboard.press("Tab")
        focused = tab.evaluate("(document.activeElement.labels?.[0] ?? document.activeElement).innerText.trim()")
        if focused == name:
            tab.keyboard.press(key)
            return
    raise AssertionError(f"Tab never comes to {name!r}")


def told(conversation: list[Sent]) -> set[str]:
    """Every name and value, but the lengths of bodies, which are as long as they are."""
    words: set[str] = set()
    for one in conversation:
        words |= {
            f"{name}: {value}"
            for name, value in one.headers.items()
            if name not in ("host", "content-length", ":authority")
        }
        words |= set(one.url.split("/", 3)[3].split("/"))
        if one.headers.get("content-type") == "application/json":
            words |= set(_texts(json.loads(one.body)))
    return words


def _texts(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield str(name)
            yield from _texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from _texts(value)
    elif isinstance(node, str):
        yield node
