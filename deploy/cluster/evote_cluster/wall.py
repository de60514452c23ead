"""The city's wall beside the release: its values, and what a browser and its pods come to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from evote_local.people.staff import Staff
from evote_local.people.voting_page import VotingPage, open_browser
from evote_local.people.wall_page import HD

from . import edge, nodes, probes, watching
from .bundles import Bundle
from .faults import pods
from .programs import Missing
from .release import HOSTS, NAMESPACE, image_of

_ASKED: Final = frozenset({"ballot", "ledger-anchor", "tally"})
_TEXTS: Final = {
    "counts": ".counts dd",
    "steps": ".steps .figure",
    "queues": ".queues dd",
    "waiting": ".ways li p",
    "old": ".panel.old h2",
    "alarms": ".alarms li.page, .alarms li.ticket",
    "notices": ".alarms li",
}
"""Of the page, where it says what."""


@dataclass(frozen=True)
class Turnout:
    """What has happened in the referendum, as those know it who voted: all of the roll."""

    voters: int
    ballots: int
    """Those that were overwritten too."""


def hung(chosen: Mapping[str, Any], image: Bundle, election: str, staff: Staff, ways: list[str]) -> dict[str, Any]:
    """The values of a release, and the wall of this election beside it."""
    wall = {
        "enabled": True,
        "image": image_of(image),
        "election": election,
        "officers": staff.speakers(),
        "ways": ways,
        "prometheus": f"http://prometheus-operated.{watching.SYSTEM}.svc.cluster.local:9090",
        "edge": {
            "className": edge.INSIDE,
            # Its pods, by their labels: the chart refuses the public's edge, and here one Traefik is both.
            "peers": [{"namespaceLabels": {"kubernetes.io/metadata.name": edge.NAMESPACE}, "podLabels": edge.LABELS}],
        },
    }
    return {**chosen, "wall": wall}


def look(watched: watching.Watch, turnout: Turnout, ways: int) -> Iterator[str]:
    """A browser opens it through the edge: it has to show the referendum as it is; raises :class:`Missing`.

    Nobody may vote meanwhile, and the election must be open.

    Args:
        ways: how many ways in it shows.
    """
    with open_browser() as browser:
        # That its certificate is good, the edge's test has seen; Chromium keeps authorities in a store of its own.
        context = browser.new_context(ignore_https_errors=True, locale="ja-JP", viewport=HD)
        page = VotingPage(context.new_page())
        page.tab.goto(f"https://{HOSTS['wall']}/")

        def shown() -> Mapping[str, list[str]]:
            return {name: page.tab.locator(place).all_inner_texts() for name, place in _TEXTS.items()}

        def wrong() -> list[str]:
            return list(differences(shown(), turnout, ways, watched.firing()))

        try:
            nodes.until(lambda: not wrong(), "the wall shows the referendum as it is", 120)
        except Missing as late:
            raise Missing(f"{late} {wrong()}; it shows {shown()}") from None
        if page.faults or any(not sent.url.startswith(f"https://{HOSTS['wall']}/") for sent in page.network.sent):
            raise Missing(f"the wall's page failed, or asked others: {page.faults}, {page.network.sent}")
        told = shown()
    yield f"the wall shows {', '.join((*told['counts'], *told['steps'], *told['waiting']))}; all of it is of now"
    yield f"its alarms: {told['alarms'] or 'none'}"


def differences(shown: Mapping[str, list[str]], turnout: Turnout, ways: int, firing: set[str]) -> Iterator[str]:
    """What the page says that isn't so, or doesn't say yet.

    Args:
        shown: by the names of what it shows its words.
        firing: the alerts that fire, by the city's Prometheus.
    """
    if [_plain(text) for text in shown["counts"]] != [f"{turnout.voters:,}人", "100.00％", f"{turnout.ballots:,}票"]:
        yield f"who voted, of {turnout.voters}, and their {turnout.ballots} ballots"
    steps = [_plain(text) for text in shown["steps"]]
    if steps[:2] != [f"{turnout.ballots:,}票"] * 2:
        yield "that all of them are accepted and logged"
    elif not steps[2][:1].isdigit() or steps[2] != steps[3]:
        yield f"that all of the log is witnessed and anchored: {steps[2:]}"
    # By Prometheus alone.
    if "0 票" not in shown["queues"] or shown["waiting"] != ["本人確認の待ち 0 人"] * ways:
        yield "that nobody waits"
    if shown["old"]:
        yield "what is of now"
    if bool(shown["alarms"]) != bool(firing - {watching.WATCHDOG}):
        yield f"the alerts that fire, {sorted(firing)}"
    if "改ざんの知らせはありません" not in (text.strip() for text in shown["notices"]):
        yield "that there is no notice of tampering"


def _plain(text: str) -> str:
    """A figure and its unit, which stand in two lines or one."""
    return "".join(text.split())


def probe() -> Iterator[str]:
    """What its pods reach of the release, and must not; raises :class:`Missing`."""

    def may(labels: Mapping[str, str], port: str) -> bool:
        return labels.get("app.kubernetes.io/name") in _ASKED and port == "http"

    yield from probes.reach("the wall", (NAMESPACE, pods("wall")[0], "front"), may)
