"""The city's wall in Chromium, answered with a written day in place of its server: each state that it can show."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from evote_officers.acts import ANNOUNCE
from playwright.sync_api import Browser, Page, Route, ViewportSize

from .staff import Staff

NOW: Final = datetime(2026, 11, 29, 5, 32, 18, tzinfo=UTC)
"""14:32 in Japan, on the day."""
ACKNOWLEDGE: Final = "確認しました"
"""The button that lets a held screen go."""
_ROLL: Final = 198_412
_VOTERS: Final = (3_120, 9_870, 18_240, 27_905, 36_410, 44_872, 52_300)
"""By each full hour from 08:00 on."""

HD: Final[ViewportSize] = {"width": 1920, "height": 1080}
UHD: Final[ViewportSize] = {"width": 3840, "height": 2160}
Answers = dict[str, Any]


def written_day() -> Answers:
    """A city of 200,000 in the early afternoon, with nothing wrong: what the wall is answered, by name."""
    opens = datetime(2026, 11, 28, 22, tzinfo=UTC)
    return {
        "election": {
            "name": "つくば市長選挙（模擬）",
            "opens_at": opens.isoformat(),
            "closes_at": (opens + timedelta(hours=13)).isoformat(),
            "opened_at": opens.isoformat(),
            "closed_at": None,
        },
        "turnout": {
            "accepted": 58_214,
            "logged": 58_212,
            "voters": 56_733,
            "roll_size": _ROLL,
            "as_of": NOW.replace(second=0).isoformat(),
        },
        "hours": {
            "items": [
                {"until": (opens + timedelta(hours=at)).isoformat(), "voters": voters}
                for at, voters in enumerate(_VOTERS, 1)
            ],
            "as_of": NOW.replace(second=0).isoformat(),
        },
        "coverage": {
            "size": 58_240,
            "witnessed_size": 58_238,
            "chains": [{"chain": "ethereum", "ledger": "eip155:1:0xA", "verified_size": 57_610}],
        },
        "notices": {"items": []},
        "announcements": [],
        "alerts": vector(_WATCHDOG),
        "judged-at": vector(({}, NOW.timestamp() - 8)),
        "scraped-at": _scraped(NOW - timedelta(seconds=6)),
        "logged-within": vector(({}, 0.41)),
        "unlogged-for": vector(({}, 0)),
        "witnesses-asked": vector(({}, 2)),
        "anchoring-waits": vector(({"chain": "ethereum"}, 214)),
        "receipt-within": vector(({}, 0.12)),
        "ballots-waiting": vector(({}, 3)),
        "releases-waiting": vector(({"way": "card"}, 2), ({"way": "face"}, 0), ({"way": "phone"}, 4)),
        "pictures-waiting": vector(({}, 5)),
        "face-waits": vector(({}, 2.4)),
    }


Labelled = tuple[Mapping[str, str], float]
_WATCHDOG: Final[Labelled] = ({"alertname": "EvoteWatchdog", "severity": "none", "alertstate": "firing"}, 1)
_SPOKEN: Final = {
    "number": 1,
    "at": "2026-11-29T05:10:00Z",
    "text": "カードの失効を確かめるサーバーにつながりません",
    "helpdesk": "顔と投票コード、または投票所をご案内ください。受付票が出た方の票は残っています。",
    "ways": ["card", "phone"],
    "effect": "stops",
}


_STAFF: Final = Staff()
_ELECTION: Final = "HwBwmsoQRdJk6o"


def _signed(said: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """As ``evote wall`` writes it."""
    text = json.dumps(said, ensure_ascii=False)
    path = ANNOUNCE.path_of(_ELECTION)
    return {"announcements": text, "statements": _STAFF.command(ANNOUNCE, path, text.encode(), NOW)}


def vector(*series: Labelled) -> dict[str, Any]:
    """An instant vector, as Prometheus answers it."""
    result = [{"metric": dict(labels), "value": [NOW.timestamp(), str(value)]} for labels, value in series]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def _scraped(when: datetime) -> dict[str, Any]:
    services = ("auth", "ballot", "biometric", "ledger-anchor", "tally", "resident", "board")
    return vector(*(({"service": service}, when.timestamp()) for service in services))


def _firing(name: str, severity: str, **labels: str) -> Labelled:
    return {"alertname": name, "severity": severity, "alertstate": "firing", **labels}, 1


def _alarm(answers: Answers) -> None:
    answers["alerts"] = vector(
        _WATCHDOG, _firing("EvoteCardsCannotBeChecked", "page"), _firing("EvoteRevocationResponderAway", "ticket")
    )


def _told(answers: Answers) -> None:
    _alarm(answers)
    answers["announcements"] = _signed([_SPOKEN])


def _much(answers: Answers) -> None:
    """More of everything than fits."""
    answers["alerts"] = vector(
        _WATCHDOG,
        *(
            _firing("EvoteServiceUnready", "page", service=service, check=check)
            for service in ("auth", "ballot", "ledger-anchor")
            for check in ("database", "kafka")
        ),
        *(_firing(name, "ticket") for name in ("EvoteFaceWorkersAway", "EvoteBoardSlow", "EvoteAnchoredLateEthereum")),
    )
    long = {**_SPOKEN, "text": "並" * 30, "helpdesk": "隣" * 50}
    answers["announcements"] = _signed([{**long, "number": number} for number in range(5)])
    answers["election"]["name"] = "つくば市長選挙及びつくば市議会議員一般選挙並びに住民投票（模擬）"


def _tampering(answers: Answers) -> None:
    answers["notices"]["items"] = [{"finding": "f1", "kind": "entry-changed", "raised_at": NOW.isoformat()}]
    answers["alerts"] = vector(_WATCHDOG, _firing("EvoteTampering", "page", kind="entry-changed"))


def _old(answers: Answers) -> None:
    """Prometheus reads nothing any more, and ballot's tables stand still."""
    before = NOW - timedelta(minutes=9)
    for name in ("turnout", "hours"):
        answers[name]["as_of"] = before.isoformat()
    answers["judged-at"] = vector(({}, before.timestamp()))
    answers["scraped-at"] = _scraped(before)


def _closed(answers: Answers) -> None:
    answers["election"]["closes_at"] = answers["election"]["closed_at"] = (NOW - timedelta(minutes=5)).isoformat()


def _nothing(answers: Answers) -> None:
    answers.clear()


STATES: Final[Mapping[str, Callable[[Answers], None]]] = {
    "well": lambda _: None,
    "alarm": _alarm,
    "told": _told,
    "much": _much,
    "tampering": _tampering,
    "old": _old,
    "closed": _closed,
    "nothing": _nothing,
}
"""What each state changes of the written day."""
PREVIOUS: Final = {
    "name": "令和2年10月",
    "final": "46.21",
    "rates": [
        {"day": 1, "time": f"{hour:02}:00", "rate": rate}
        for hour, rate in enumerate(("1.80", "5.02", "9.44", "13.61", "17.08", "20.95", "24.77"), 8)
    ],
}


def answered(state: str) -> Answers:
    """The written day in a state."""
    answers = copy.deepcopy(written_day())
    STATES[state](answers)
    return answers


def hang(tab: Page, origin: str, answers: Answers) -> None:
    """Open the wall with ``answers``, which may change meanwhile: what is missing is lost.

    It is the written day's time. All ways in are offered, and the election before is known.
    """
    tab.clock.install(time=NOW)

    def answer(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        if name in answers:
            route.fulfill(json=answers[name])
        else:
            route.abort()

    def configure(route: Route) -> None:
        config = json.loads(route.fetch().body())
        day = {"election": _ELECTION, "officers": _STAFF.speakers(), "previous": PREVIOUS}
        route.fulfill(json={**config, **day, "ways": ["card", "phone", "face", "station"]})

    tab.route("**/read/*", answer)
    tab.route("**/config.json", configure)
    tab.goto(f"{origin}/")
    tab.locator(".wall").wait_for()


def photograph(browser: Browser, origin: str, directory: Path) -> None:
    """Each state at 1080p, and the written day at 4K, as ``wall-….png`` in the directory."""
    for name, screen, picture in (
        *((name, HD, f"wall-{name}") for name in ("well", "alarm", "told", "old")),
        ("well", UHD, "wall-well-4k"),
    ):
        context = browser.new_context(locale="ja-JP", viewport=screen)
        tab = context.new_page()
        hang(tab, origin, answered(name))
        tab.locator(".panel.close header p", has_text="現在").wait_for()
        if name == "told":
            tab.get_by_role("button", name=ACKNOWLEDGE).click()
        tab.screenshot(path=directory / f"{picture}.png")
        context.close()
