"""What a vote on the residents' page takes, in Debian's Chromium with the whole platform behind it.

``make bench-front`` tells taps and seconds by card, by phone and by face, how long the election's page takes to come
on a slow line, and how long the ballot of 2022 takes to encrypt.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from evote_biometric.engine.decoding import Limits, decode
from evote_biometric.engine.finding import FaceFinder
from evote_local.nodes.photographs import fetch_photographs
from evote_local.people.before_camera import sit_before
from evote_local.people.officers import ANSWERS
from evote_local.people.puppet import Puppet
from evote_local.people.voting_page import VotingPage
from evote_local.referendum.taken import taken_by
from playwright.sync_api import Browser

from benchmarks.bench_web import bundle
from benchmarks.performance import Row
from benchmarks.polls import CARD, PHONE, WEIGHTS, Polls, open_polls
from benchmarks.tables import Table, tell

# Lighthouse's "slow 4G" and a phone four times slower than this machine.
_SLOW_LINE: Final = {"offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 93_750}
_SLOW_PHONE: Final = 4
_SLOWEST_PHONE: Final = 6
_VISITS: Final = 5
_COUNT_TAPS: Final = "window.taps = 0; addEventListener('click', () => { window.taps += 1; }, true)"


def measure() -> list[Table]:
    """Votes, the first view, and what the device has to compute."""
    with open_polls(WEIGHTS) as polls:
        with polls.opened() as page:
            page.tab.evaluate(_COUNT_TAPS)
            began = time.perf_counter()
            page.vote(polls.desk, ANSWERS[0])
            took, taps = time.perf_counter() - began, page.tab.evaluate("window.taps")
        votes: list[Row] = [
            ["card reader; beside the taps a yes and two PINs at the card agent", float(taps), took],
            _measure_phone(polls),
            *_measure_face(polls),
        ]
        return [
            Table(["from the election's page to the receipt", "taps", "s"], votes),
            Table(
                [f"slow 4G, processor {_SLOW_PHONE} times slower, median of {_VISITS} visits", "s"],
                _measure_first_view(polls),
            ),
            Table(
                ["in Chromium", "processor", ""],
                [
                    # The same program as `make bench-web`, in a browser.
                    *_run_in(polls.browser, "encryption", 1),
                    *_run_in(polls.browser, "encryption", _SLOWEST_PHONE),
                    # Without the line: its bytes tell what a line of so many a second takes.
                    *_run_in(polls.browser, "list", _SLOW_PHONE),
                ],
            ),
        ]


def _measure_phone(polls: Polls) -> Row:
    with polls.opened() as page:
        tab = page.tab
        began = time.perf_counter()
        page.button("マイナンバーカードとスマートフォン").click()
        page.button("マイナアプリを開く").click()
        page.button(CARD).click()
        page.button("はい、わたしです").wait_for()
        tab.evaluate(_COUNT_TAPS)
        page.button("はい、わたしです").click()
        page.answer(ANSWERS[0])
        page.cast_button.click()
        page.receive()
        took, taps = time.perf_counter() - began, 2 + tab.evaluate("window.taps")
    return ["phone; beside the taps what the app asks for, for which its stand-in has one tap", float(taps), took]


def _measure_face(polls: Polls) -> list[Row]:
    """From a post card's QR code, with a puppet before the camera that does at once what it is told."""
    photo = fetch_photographs() / "obama/1.jpg"
    code = polls.letter(photo).replace("-", "")
    context = polls.new_phone()
    sit_before(context, _puppet(photo))
    page = VotingPage(context.new_page())
    began = time.perf_counter()
    page.open(f"{polls.page}#code={code}")
    page.tab.evaluate(_COUNT_TAPS)
    page.button("投票コードと顔の確認").click()
    page.button("コードを確かめる").click()
    camera = time.perf_counter()
    page.show_face()
    before_camera = time.perf_counter() - camera
    page.answer(ANSWERS[0])
    page.cast_button.click()
    page.receive()
    took, taps = time.perf_counter() - began, page.tab.evaluate("window.taps")
    context.close()
    return [
        ["post card and face", float(taps), took],
        ["of it from the start of the camera to the first question", None, before_camera],
    ]


def _puppet(photo: Path) -> Puppet:
    picture = decode(photo.read_bytes(), Limits(longest_side_kept=1000, wall_s=60))
    finder = FaceFinder(WEIGHTS)
    return Puppet(picture.pixels, finder.points(picture.pixels, finder.find(picture.pixels)[0]))


def _measure_first_view(polls: Polls) -> list[Row]:
    """On a slow line and a slow phone, without anything kept from before."""
    seen, usable = [], []
    for _ in range(_VISITS):
        context = polls.browser.new_context(locale="ja-JP", viewport=PHONE)
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
    return [["first view of the election's page", _median(seen)], ["its ways to vote can be chosen", _median(usable)]]


def _run_in(browser: Browser, bench: str, rate: int) -> list[Row]:
    """A program of `web/shared/tests`; a row for each line that it prints."""
    program = bundle(bench, "--platform", "browser", "--format", "iife")
    tab, lines = browser.new_page(), list[str]()
    tab.on("console", lambda message: lines.append(message.text))
    tab.context.new_cdp_session(tab).send("Emulation.setCPUThrottlingRate", {"rate": rate})
    tab.evaluate(program.read_text("utf-8"))
    tab.close()
    named = [line.partition(": ") for line in lines]
    return [[what, f"at 1/{rate}" if rate > 1 else "whole", figures] for what, _, figures in named]


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def main() -> None:
    """Measure, and write it down."""
    taken = taken_by("make bench-front")
    tell(
        "voting-page",
        taken,
        "In Debian's Chromium without a window, with the whole platform on the same cores, by a program that reads "
        "nothing and types at once; before the camera sits a puppet that does at once what it is told. The ballot is "
        "that of 2022, of four candidates and blank; the list is a city's of 200,000, in which a voter finds the own "
        "credential.",
        *measure(),
    )


if __name__ == "__main__":
    main()
