"""A crowd of the load tests of whom some come by code and face, at the real services, with the real models."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evote_loadtests.crowd import VISIT
from evote_local.nodes.photographs import fetch_photographs
from evote_local.nodes.prometheus import Prometheus
from evote_local.people.face import GESTURES, STRAIGHT, Poses
from evote_local.people.target import Letters, write_target
from evote_local.people.voters import open_client
from evote_local.referendum.load import send_letters, target_of
from evote_local.referendum.referendum import Referendum
from evote_local.stack.stack import Stack

from ...panels import panel_queries, shows_something
from .puppets import puppet_of

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(900)]


def test_who_comes_by_code_and_face_votes_beside_the_others_and_is_told_apart_in_the_figures(
    stack: Stack, weights: Path, prometheus: Prometheus, tmp_path: Path
) -> None:
    asyncio.run(_crowd(stack, weights, tmp_path))
    asked = [query for query in panel_queries() if query.of_faces and not query.of_many_faces]
    assert len(asked) >= 2
    silent = [query.panel for query in asked if not shows_something(prometheus, query.text)]
    assert silent == []


@pytest.fixture
def prometheus(stack: Stack, tmp_path: Path) -> Iterator[Prometheus]:
    target, token = stack.biometric.url.removeprefix("http://"), stack.identities.staff.scraper_token
    with Prometheus(tmp_path / "prometheus", targets=[target], token=token, rules=[]) as running:
        yield running


async def _crowd(stack: Stack, weights: Path, directory: Path) -> None:
    async with open_client(timeout_s=60) as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=3, seed=20261129)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        poses = await asyncio.to_thread(lambda: Poses.of(puppet_of(fetch_photographs() / "obama/1.jpg", weights)))
        biometric_url = stack.biometric.url
        letters = await send_letters(referendum, 0.34, poses, biometric_url)
        target = target_of(stack, referendum, phone=0.34, biometric_url=biometric_url)
        cards = [voter.card for voter in referendum.voters]

        async def comes(name: str, shown: Poses) -> tuple[int, dict[str, Any], int]:
            """The exit status, the figures, and how many ballots have a receipt."""
            folder, out = directory / name, directory / f"{name}-out"
            write_target(folder, target, cards, letters=Letters(letters.codes, shown))
            command = [sys.executable, "-m", "evote_loadtests.main", "--target", str(folder), "--out", str(out)]
            done = await asyncio.to_thread(
                subprocess.run,
                [*command, "--seconds", "3", "--again", "0"],
                capture_output=True,
                text=True,
                check=False,
            )
            print(done.stdout, done.stderr)
            figures = json.loads((out / "figures.json").read_text())
            return done.returncode, figures, len((out / "casts.jsonl").read_text().splitlines())

        still = dict.fromkeys(GESTURES, poses.sittings[0][STRAIGHT])
        status, figures, receipts = await comes("never", Poses([still] * 3))
        assert (status, receipts, figures["faces_refused"]) == (1, 2, {"still-photo": 3})
        assert figures["waited"][VISIT]["failures"] == 1

        status, figures, receipts = await comes("at-the-second-attempt", Poses([still, *poses.sittings[1:]]))
        assert (status, receipts, figures["faces_refused"]) == (0, 3, {"still-photo": 1})
        waited = figures["waited"]
        ways = [waited[f"{way} to credential"]["count"] for way in ("card", "phone", "code and face")]
        assert ways == [1, 1, 1]
        assert waited["pictures to verdict"]["count"] == 1
        assert waited["pictures to verdict"]["p50_ms"] < waited["code and face to credential"]["p50_ms"]
        assert {name: one["failures"] for name, one in waited.items() if one["failures"]} == {}
        assert figures["missing"] == 0
