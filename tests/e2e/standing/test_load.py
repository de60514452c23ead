"""A crowd of the load tests votes at the standing platform, and what it was told counts."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from evote_local.people.target import write_target
from evote_local.people.voters import open_client
from evote_local.referendum.concluding import compare, conclude, counted, faults_of, read_posted
from evote_local.referendum.load import target_of
from evote_local.referendum.referendum import Referendum
from evote_local.stack.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def test_what_a_crowd_was_told_is_in_the_log_and_counts_as_it_was_meant(stack: Stack, tmp_path: Path) -> None:
    asyncio.run(_crowd(stack, tmp_path))


async def _crowd(stack: Stack, directory: Path) -> None:
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=6, seed=20261128)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        target, out = directory / "target", directory / "out"
        cards = [voter.card for voter in referendum.voters]
        write_target(target, target_of(stack, referendum, phone=0.5), cards)
        command = [sys.executable, "-m", "evote_loadtests.main", "--target", str(target), "--out", str(out)]
        command += ["--profile", "junk", "--seconds", "3", "--again", "0.5", "--workers", "2"]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

        kept = [json.loads(line) for line in (out / "casts.jsonl").read_text().splitlines()]
        figures = json.loads((out / "figures.json").read_text())
        assert (len(kept), figures["visits"], figures["missing"]) == (9, 9, 0)
        junk = {name: waited["count"] for name, waited in figures["waited"].items() if name.startswith("junk: ")}
        assert sum(junk.values()) == 45, junk
        ways = [figures["waited"][f"{way} to credential"]["count"] for way in ("card", "phone")]
        assert ways == [3, 3]
        assert {name: waited["failures"] for name, waited in figures["waited"].items() if waited["failures"]} == {}
        assert "POST of the ballot" in (out / "report.html").read_text()
        concluded, verification = await conclude(stack, client, referendum, out)
        assert (concluded.acknowledged, concluded.archived, concluded.lost, concluded.unclaimed) == (9, 9, 0, 0)
        assert concluded.faults == [], verification
        # Who takes one text of the crowd's for a stranger's finds a stuffed archive, and a count that isn't theirs.
        compared, posted = compare(out / "archive.bel", [cast["receipt"]["tracker"] for cast in kept]), read_posted(out)
        assert [one.unanswered for one in posted] == [0] * 9
        assert concluded.counts == counted(compared.archived, posted)
        stuffed = replace(compared, unclaimed=[posted[0].tracker])
        assert any("nobody posted it" in fault for fault in faults_of(stuffed, concluded.counts, posted[1:]))
        # One receipt that the archive doesn't hold is found.
        trackers = [cast["receipt"]["tracker"] for cast in kept]
        assert compare(out / "archive.bel", [*trackers[1:], "A" * 43]).lost == ["A" * 43]
