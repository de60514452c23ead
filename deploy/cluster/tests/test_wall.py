"""What the wall's page has to show, told from what it must not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from evote_cluster.wall import Turnout, differences
from evote_cluster.watching import WATCHDOG

WELL: Mapping[str, list[str]] = {
    # A browser gives figure and unit in one line or two.
    "counts": ["60\n人", "100.00％", "73票"],
    "steps": ["73票", "73票", "104\n件", "104件"],
    "queues": ["0 票", "ほとんどが 0.4 秒以内"],
    "waiting": ["本人確認の待ち 0 人", "本人確認の待ち 0 人"],
    "old": [],
    "alarms": [],
    "notices": ["警報はありません", "改ざんの知らせはありません"],
}
_TURNOUT = Turnout(60, 73)


def _wrong(shown: Mapping[str, list[str]], firing: set[str]) -> list[str]:
    return list(differences(shown, _TURNOUT, 2, firing))


def test_a_wall_that_shows_the_referendum_is_well() -> None:
    assert _wrong(WELL, {WATCHDOG}) == []
    alarm = "すぐに対応 記録に載せる係が止まっています"
    sick = {**WELL, "alarms": [alarm], "notices": [alarm, "改ざんの知らせはありません"]}
    assert _wrong(sick, {WATCHDOG, "EvoteSequencersNotOne"}) == []


@pytest.mark.parametrize(
    "other",
    [
        {"counts": []},
        {"counts": ["59人", "98.33％", "73票"]},
        {"counts": ["60人", "100.00％", "72票"]},
        {"steps": []},
        {"steps": ["73票", "72票", "104件", "104件"]},
        {"steps": ["73票", "73票", "104件", "103件"]},
        {"steps": ["73票", "73票", "—件", "—件"]},
        {"queues": ["—", "—"]},
        {"waiting": ["本人確認の待ち 0 人", "本人確認の待ちは不明"]},
        {"waiting": ["本人確認の待ち 0 人"]},
        {"old": ["投票者数と投票率"]},
        {"alarms": ["すぐに対応 記録に載せる係が止まっています"]},
        {"notices": ["改ざんの知らせ: 記録が消えました"]},
    ],
)
def test_whatever_it_shows_that_is_not_so_is_named(other: Mapping[str, list[str]]) -> None:
    assert len(_wrong({**WELL, **other}, {WATCHDOG})) == 1


def test_an_alert_that_fires_and_isn_t_shown_is_named() -> None:
    assert _wrong(WELL, {WATCHDOG, "EvoteSequencersNotOne"}) == [
        "the alerts that fire, ['EvoteSequencersNotOne', 'EvoteWatchdog']"
    ]
