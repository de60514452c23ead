"""`make demo`: hold a mock referendum on a fresh stack, verify it, and leave nothing running."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import uvloop
from evote_jpki.authority import TestAuthority
from evote_platform.clock import utc_now
from evote_tlog.display import visible, visible_lines
from rich.console import Console
from tqdm import tqdm

from ..nodes.pcsc import why_no_pcscd
from ..nodes.processes import ProcessFailed
from ..people.latencies import percentiles
from ..people.officers import ANSWERS, BLANK, QUESTION
from ..people.voters import Measurements, open_client
from ..stack.stack import Stack, temporary_directory
from .browser_corner import BROWSER_VOTERS, BrowserCorner, why_no_browser
from .card_corner import READERS, CardCorner
from .devices import device_pool
from .final_anchor import FinalAnchor, anchor_text, final_anchor
from .referendum import Referendum
from .report import Figures, chart, figures_table, write_report
from .taken import taken_by
from .verification import GROUPS_OF_BELENIOS_TOOL, Verdict, run_belenios_tool, verify_from_public_data

_VOTERS_AT_READERS = 12


class DemoFailed(Exception):
    """The run ended, and something that must hold did not."""


@dataclass
class _Times:
    start_s: float = 0
    voting_s: float = 0
    count_s: float = 0
    verify_s: float = 0


@dataclass(frozen=True)
class _Seats:
    """How many voters use a reader with a card agent, or why there are no readers."""

    voters: int
    missing: str | None


@dataclass(frozen=True)
class _Held:
    referendum: Referendum
    measured: Measurements
    seats: _Seats
    no_browser: str | None
    counts: list[int]
    anchor: FinalAnchor
    verdict: Verdict


def run_demo(*, voters: int, group: str, output: Path, console: Console) -> None:
    """Hold the referendum; raises :class:`DemoFailed` unless the count is exact and all verifiers agree."""
    began = time.perf_counter()
    taken = taken_by(f"make demo VOTERS={voters} GROUP={group}")
    times = _Times()
    _empty(output)
    with temporary_directory() as name:
        directory = Path(name)
        authority = TestAuthority(utc_now, secrets.token_bytes)
        console.rule("起動 / starting the services")
        stack = Stack(directory, authority, announce=lambda part: console.print(f"  {part}"))
        if why_no_browser() is None:
            stack.offer_phone()
        try:
            with stack:
                times.start_s = time.perf_counter() - began
                held = uvloop.run(_hold(stack, directory, output, voters, group, times, console))
        finally:
            _keep_logs(directory, output)
    _conclude(held, times, began, taken, output, group, console)


async def _hold(
    stack: Stack, directory: Path, output: Path, voters: int, group: str, times: _Times, console: Console
) -> _Held:
    async with open_client(timeout_s=120) as client:
        referendum = Referendum(
            stack, client, directory=directory, group=group, voters=voters, seed=secrets.randbits(32)
        )
        console.rule("準備 / roll, key ceremony, opening")
        with tqdm(total=voters, desc="cards", unit="card", mininterval=_bar_interval_s()) as bar:
            async with asyncio.TaskGroup() as before_voting:
                if stack.phone is not None:
                    before_voting.create_task(asyncio.to_thread(stack.open_front))  # built while nobody needs it yet
                before_voting.create_task(asyncio.to_thread(referendum.issue_cards, lambda: _advance(bar)))
                await referendum.prepare()
        console.rule("投票 / voting")
        with device_pool() as executor, ExitStack() as running:
            seats = _seat_at_readers(referendum, directory / "pcsc", running)
            console.print(_say_seats(seats), markup=False, soft_wrap=True)
            no_browser = None if stack.phone is not None else why_no_browser()
            if no_browser is None:
                referendum.seat_before_browser(BROWSER_VOTERS)
            console.print(_say_browser(referendum, no_browser), markup=False, soft_wrap=True)
            polls = await referendum.open_polls(executor)
            visits = referendum.plan_visits()
            voting = time.perf_counter()
            with tqdm(total=len(visits), desc="ballots", unit="ballot", mininterval=_bar_interval_s()) as bar:
                async with asyncio.TaskGroup() as day:
                    if stack.phone is not None and referendum.in_browser:
                        corner = BrowserCorner(stack, stack.phone, referendum.officers.election_uuid)
                        day.create_task(asyncio.to_thread(corner.vote, referendum.in_browser))
                    await referendum.vote(polls, visits, lambda: _advance(bar))
            times.voting_s = time.perf_counter() - voting
        console.rule("開票 / closing, decryption by 2 of 3 trustees")
        counting = time.perf_counter()
        counts = await referendum.close_and_count()
        times.count_s = time.perf_counter() - counting
        await referendum.officers.download_archive(output / "archive.bel")
        console.rule("台帳 / the final checkpoint on the chain")
        anchor = await final_anchor(client, stack.ledger_anchor.url)
        console.rule("検証 / verification")
        verifying = time.perf_counter()
        verdict = await verify_from_public_data(stack, client, referendum.voters[0].casts[-1].receipt, output)
        times.verify_s = time.perf_counter() - verifying
    return _Held(referendum, polls.measured, seats, no_browser, counts, anchor, verdict)


def _seat_at_readers(referendum: Referendum, directory: Path, running: ExitStack) -> _Seats:
    """Start readers and agents where pcscd can run; they stop with ``running``."""
    missing = why_no_pcscd()
    if missing is None:
        try:
            corner = running.enter_context(CardCorner(referendum.officers.election_uuid, directory))
            return _Seats(referendum.seat_at_readers(corner.answer, _VOTERS_AT_READERS), None)
        except ProcessFailed as failed:
            missing = f"{failed.name} {failed.reason}"
    return _Seats(0, missing)


def _say_seats(seats: _Seats) -> str:
    if seats.missing is not None:
        return f"カードリーダーなし / no card readers: {visible(seats.missing)}"
    return (
        f"{seats.voters} 人は {READERS} 台のカードリーダーとカードエージェントを使います"
        f" / {seats.voters} voters use {READERS} readers (virtual, pcscd) and the card agent"
    )


def _say_browser(referendum: Referendum, missing: str | None) -> str:
    if missing is not None:
        return f"ブラウザでの投票なし / nobody votes in a browser: {visible(missing)}"
    return (
        f"{len(referendum.in_browser)} 人は投票ページで、本物のブラウザ（Chromium）から投票します"
        f" / {len(referendum.in_browser)} voters vote on the page itself, in Chromium"
    )


def _bar_interval_s() -> float:
    """A bar on a terminal is redrawn often; in a log file each redrawing is another line."""
    return 0.1 if sys.stderr.isatty() else 10


def _advance(bar: tqdm[NoReturn]) -> None:
    bar.update()


def _conclude(
    held: _Held,
    times: _Times,
    began: float,
    taken: Mapping[str, str],
    output: Path,
    group: str,
    console: Console,
) -> None:
    referendum, measured, counts = held.referendum, held.measured, held.counts
    verdicts = [held.verdict]
    if group in GROUPS_OF_BELENIOS_TOOL:
        verdicts.append(run_belenios_tool(output / "archive.bel", referendum.officers.election_uuid))
    results = chart(QUESTION, list(zip((BLANK, *ANSWERS), counts, strict=True)))
    on_page = len(referendum.in_browser)
    casts = on_page + sum(len(voter.casts) for voter in referendum.voters)
    figures = Figures(
        voters=len(referendum.voters),
        ballots_cast=casts,
        overwritten=casts - len(referendum.voters),
        group=group,
        voting_s=times.voting_s,
        ballots_per_s=casts / times.voting_s,
        cast=percentiles(measured.cast_s),
        logged=percentiles(measured.logged_s),
        anchored=percentiles(measured.anchored_s),
        release=percentiles(measured.release_s) if measured.release_s else None,
        at_readers=held.seats.voters,
        no_readers_because=held.seats.missing,
        in_browser=on_page,
        no_browser_because=held.no_browser,
        start_s=times.start_s,
        close_to_result_s=times.count_s,
        verify_s=times.verify_s,
        wall_s=time.perf_counter() - began,
    )
    said = printed(verdicts)
    results_text = f"{results}\n\n{anchor_text(held.anchor)}"
    write_report(output, taken=taken, figures=figures, results=results_text, verification=said)
    console.print(said, markup=False, highlight=False, soft_wrap=True)
    console.rule("結果 / result")
    console.print(results, markup=False, highlight=False, soft_wrap=True)
    console.print(f"\n{anchor_text(held.anchor)}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"\n{figures_table(figures)}\n", markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"{output}/: archive.bel, public-log/, report.txt, figures.json, logs/",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    _require(referendum, counts, verdicts)


def printed(verdicts: Sequence[Verdict]) -> str:
    """What verifiers said. Not all of them escape what an archive holds."""
    return "\n\n".join(f"{verdict.program} says:\n{visible_lines(verdict.output)}" for verdict in verdicts)


def _require(referendum: Referendum, counts: list[int], verdicts: list[Verdict]) -> None:
    if counts != referendum.expected_result():
        raise DemoFailed(f"the count is {counts}, but voters chose {referendum.expected_result()}")
    for verdict in verdicts:
        if not verdict.accepted:
            raise DemoFailed(f"{verdict.program} refuses the archive")


def _empty(output: Path) -> None:
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)


def _keep_logs(directory: Path, output: Path) -> None:
    logs = output / "logs"
    shutil.copytree(directory / "logs", logs, dirs_exist_ok=True)
    for part in ("kafka", "postgres"):
        source = directory / part / f"{part}.log"
        if source.exists():
            shutil.copy(source, logs)
