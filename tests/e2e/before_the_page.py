"""What each page and state of the residents' page is looked at for, and what a tab told whom."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from evote_local.people.voting_page import NOT_YET_VOTED, VOTED_IN_DOUBT, Sent, VotingPage
from playwright.sync_api import Page

_AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"


def fit_for_everybody(page: VotingPage, state: str) -> None:
    """The heading has the focus; axe is content in light and dark; nothing scrolls sideways on a phone with large
    letters; no target is small.
    """
    tab = page.tab
    notice = VOTED_IN_DOUBT if state.startswith("in doubt") else NOT_YET_VOTED
    assert notice in tab.title() or state in ("receipt", "finished"), state
    focused = tab.evaluate("document.activeElement.matches('h1, .errors, input') || document.activeElement.outerHTML")
    # Where the page stays as it is, but for what went wrong, that is read out and the focus stays on what was pressed.
    announced = tab.locator("[role=alert]").count() > 0
    assert focused is True or announced, f"{state}: neither heading nor summary nor field has the focus, but {focused}"
    if tab.evaluate("typeof axe") == "undefined":
        tab.evaluate(_AXE.read_text("utf-8"))
    for scheme in ("dark", "light"):
        tab.emulate_media(color_scheme=scheme)
        found = tab.evaluate(
            "axe.run().then(({violations}) => violations.map(({id, nodes}) => [id, nodes.map((n) => n.html)]))"
        )
        assert found == [], f"{state}, {scheme}"
    wide = tab.viewport_size
    assert wide is not None
    tab.set_viewport_size({"width": 320, "height": 640})
    tab.evaluate("document.documentElement.style.fontSize = '200%'")
    for language in ("English", "やさしい日本語", "日本語"):
        tab.get_by_role("button", name=language, exact=True).click()
        assert tab.evaluate("document.documentElement.scrollWidth") <= 320, f"{state} scrolls sideways in {language}"
    tab.evaluate("document.documentElement.style.fontSize = ''")
    small = tab.evaluate(
        """[...document.querySelectorAll("button, a, summary, label.option, input[type=text]")]
        .filter((target) => !target.matches(".skip") && target.checkVisibility())
        .map((target) => [target.innerText, target.getBoundingClientRect()])
        .filter(([, {width, height}]) => width < 44 || height < 44).map(([text]) => text)"""
    )
    assert small == [], f"{state}: targets below 44 pixels"
    tab.set_viewport_size(wide)


def key_to(tab: Page, name: str, key: str) -> None:
    """Press Tab until what bears the name has the focus, and then the key."""
    for _ in range(40):
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
