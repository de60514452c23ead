"""Each way to change a valid archive is found by its rule."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evote_belenios.archive import open_archive
from evote_belenios.errors import NotSupported
from evote_belenios.groups import BELENIOS_2048, Group
from evote_belenios.verify import verify_archive

from .tamperings import NOT_SUPPORTED, TABLE, sign_again

COPIED = "ballot-copied-ciphertext"


def failures(path: Path) -> list[str]:
    with open_archive(path) as file:
        report = verify_archive(file, processes=1, progress=lambda _done, _total: None)
    assert all(failure.section and failure.detail for failure in report.failures)
    return [failure.rule for failure in report.failures]


@pytest.fixture
def tampered(tell_story: Any, write_archive: Any, tmp_path: Path) -> Callable[[Group, Any], Path]:
    def tamper(group: Group, tampering: Any) -> Path:
        story = tell_story(group)
        events = tampering(story)
        return write_archive(
            tmp_path / f"{json.loads(story.election)['uuid']}.bel", story.events() if events is None else events
        )

    return tamper


def untouched(_story: Any) -> None:
    return


def test_the_archive_that_is_tampered_with_holds(group: Group, tampered: Any) -> None:
    assert failures(tampered(group, untouched)) == []


@pytest.mark.parametrize(("tampering", "rule"), TABLE, ids=[tampering.__name__ for tampering, _ in TABLE])
def test_each_tampering_is_found_by_its_rule(group: Group, tampered: Any, tampering: Any, rule: str) -> None:
    assert failures(tampered(group, tampering))[:1] == [rule]


@pytest.mark.parametrize("change", NOT_SUPPORTED)
def test_what_is_not_supported_is_not_judged(group: Group, tampered: Any, change: Any) -> None:
    with pytest.raises(NotSupported):
        failures(tampered(group, change))


def test_a_copied_ciphertext_is_found_although_everything_else_holds(group: Group, tampered: Any) -> None:
    """The copy's proofs can't hold under another credential, so the copier uses its own credential twice."""

    def copied(story: Any) -> None:
        story.ballots.append(sign_again(story, story.ballots[0], 0))
        story.count_again()

    assert failures(tampered(group, copied)) == [COPIED]


# What belenios-tool 2.0 lets pass: it never compared the encrypted tally with the ballots (mended in
# Belenios 3.1), nor the order of what follows them: run evote-verify too.
TOOL_ACCEPTS = {
    "tally_ciphertext_changed",
    "tally_of_all_ballots",
    "tally_number_changed",
    "decryption_twice",
    "no_end_of_ballots",
    "tally_missing",
}


@pytest.mark.parametrize("tampering", [tampering for tampering, _ in TABLE], ids=lambda tampering: tampering.__name__)
def test_the_tool_refuses_what_it_checks(tampered: Any, tampering: Any) -> None:
    program = shutil.which("belenios-tool")
    if program is None:
        pytest.skip("belenios-tool is not installed (apt-get install belenios-tool)")
    path = tampered(BELENIOS_2048, tampering)
    done = subprocess.run([program, "election", "verify"], cwd=path.parent, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (tampering.__name__ in TOOL_ACCEPTS), done.stderr
