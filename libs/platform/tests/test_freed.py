"""What was freed goes back to the system, also where something in use stands behind it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from evote_platform import freed
from fastapi import FastAPI


def own_mb() -> float:
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("Pss_Anon:"))


def test_memory_between_what_is_in_use_goes_back() -> None:
    freed.give_back()
    pieces = [bytes([number % 256]) * 20_000 for number in range(2_000)]
    full_mb = own_mb()
    last = pieces[-1]
    pieces.clear()
    kept_mb = own_mb()
    freed.give_back()
    assert full_mb - own_mb() > 30
    assert full_mb - kept_mb < 30, "the C library gives it back by itself: this module is not needed"
    assert len(last) == 20_000


async def test_an_app_gives_back_again_and_again_while_it_runs(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    given, loop = asyncio.Queue[None](), asyncio.get_running_loop()
    monkeypatch.setattr(freed, "GIVEN_BACK_EVERY_S", 0)
    monkeypatch.setattr(freed, "give_back", lambda: loop.call_soon_threadsafe(given.put_nowait, None))
    async with app.router.lifespan_context(app):
        for _ in range(3):
            await given.get()
