"""Runbooks say which scene drills what, or why none does, and alerts.md which of them call in a drill."""

from __future__ import annotations

import re
from pathlib import Path

from ..chaos import keys, losses, troubles
from ..chaos.drill import SCENES

RUNBOOKS = Path(__file__).parents[2] / "docs/runbooks"
_NAMED = re.compile(r'SCENES=(?:"([a-z ]+)"|([a-z]+))')


def _scenes(text: str) -> set[str]:
    return {name for several, one in _NAMED.findall(text) for name in (several or one).split()}


def test_each_section_of_the_incidents_says_how_it_is_drilled_and_names_no_scene_that_is_none() -> None:
    _, *sections = re.split(r"^## ", (RUNBOOKS / "incidents.md").read_text(), flags=re.MULTILINE)
    for section in sections:
        heading, _, first, *_ = section.splitlines()
        assert first.startswith(("Drilled: ", "Not drilled: ")), heading
        assert ("Drilled: " not in section) == (not _scenes(section)), heading
    assert set.union(*(_scenes(runbook.read_text()) for runbook in RUNBOOKS.glob("*.md"))) == SCENES.keys()


def test_the_alerts_that_call_in_a_drill_are_named_and_no_others() -> None:
    fired = {
        alert
        for scenes in (losses, troubles, keys)
        for call in re.findall(r"until_called\(([^)]*)\)", Path(scenes.__file__).read_text())
        for alert in re.findall(r"Evote\w+", call)
    }
    (said,) = (
        line for line in (RUNBOOKS / "alerts.md").read_text().splitlines() if line.startswith("Called by a drill")
    )
    assert set(re.findall(r"Evote\w+", said)) == fired
