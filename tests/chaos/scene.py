"""What the scenes of a drill work with: a platform with an open referendum, its alerts, and what an operator types."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from evote_belenios.archive import read_ballots
from evote_belenios.ballots import tracker_of
from evote_local.nodes.prometheus import Prometheus
from evote_local.people.officers import ANSWERS
from evote_local.people.voters import Cast, PollingDay, Voter
from evote_local.referendum.referendum import CHOICES, Referendum
from evote_local.referendum.verification import verify_as_auditor
from evote_local.stack.service import Service
from evote_local.stack.stack import Stack
from evote_local.testbed import eventually, patiently

from ..e2e.evote_command import Done

_WITHIN_S = 900.0
"""Above the longest window of a rule that a scene waits for."""


@dataclass(frozen=True)
class Scene:
    """What every scene works with."""

    stack: Stack
    prometheus: Prometheus
    referendum: Referendum
    polls: PollingDay
    client: httpx.AsyncClient
    directory: Path
    later: set[str] = field(default_factory=set)
    """Alerts whose cause is gone, and whose window isn't yet: waited for behind the last scene."""

    @property
    def uuid(self) -> str:
        """Of the referendum."""
        return self.referendum.officers.election_uuid

    @property
    def two_officers(self) -> tuple[str, str]:
        """Who sign what takes two, by what the roster calls them now: a scene gives one of them another key."""
        staff = self.stack.identities.staff
        return staff.sato.identifier, staff.suzuki.identifier

    async def until_called(self, *alerts: str) -> None:
        """Wait until the operator is called by all of these, at once or in working hours."""
        await self._until(lambda called: called.keys() >= set(alerts))

    async def until_over(self, *alerts: str) -> None:
        """Wait until none of these calls any more."""
        await self._until(lambda called: not called.keys() & set(alerts))

    def over_later(self, *alerts: str) -> None:
        """The cause of these is gone; the drill ends when they are over, too."""
        print(f"    {', '.join(alerts)}: over when the rule's window is clean, looked at behind the last scene")
        self.later.update(alerts)

    async def until_counted(self, problem: str) -> None:
        """Wait until Prometheus has a first sample of these refusals: nothing before it counts as an increase."""
        await self.until_shown(f'sum by (type) (evote_problems_total{{type="{problem}"}})')

    async def cast(self, voter: Voter) -> Cast:
        """The voter casts anew, and has a receipt. The other answer each time: the count shows which ballot counted."""
        answer = ANSWERS[len(voter.casts) % len(ANSWERS)]
        await self.polls.cast(voter, answer, [CHOICES[answer]], self.client)
        return voter.casts[-1]

    async def verify(self) -> str:
        """What evote-verify says to the auditor once every ballot with a receipt is in the archive.

        The auditor saves what was read beside what was read before.
        """
        casts = {cast.tracker for voter in self.referendum.voters for cast in voter.casts}

        async def has_them() -> bool:
            await self._save_archive()
            return {tracker_of(text) for text in read_ballots(self.directory / "archive.bel")} >= casts

        await patiently(has_them)
        receipt = self.referendum.voters[0].casts[-1].receipt
        verdict = await verify_as_auditor(self.stack, self.client, receipt, self.directory)
        assert verdict.accepted, verdict.output
        return verdict.output

    async def nothing_is_lost(self) -> None:
        """Every ballot with a receipt is in the archive, and evote-verify accepts archive and log."""
        *_, verdict = (await self.verify()).splitlines()
        casts = sum(len(voter.casts) for voter in self.referendum.voters)
        print(f"    all {casts} ballots with a receipt are in the archive")
        print(f"    evote-verify: {verdict.strip()}")

    async def statusz(self, service: Service) -> None:
        """What a replica says of all that it works with."""
        report = (await self.client.get(f"{service.url}/statusz")).json()
        failing = {name: check["detail"] for name, check in report["checks"].items() if not check["ok"]}
        print(f"    {service.name} /statusz: {failing or 'all is well'}")

    async def until_shown(self, query: str) -> None:
        """Wait until a query that compares gives something, and print it."""

        async def so() -> bool:
            return bool(await asyncio.to_thread(self.prometheus.values, query))

        await patiently(so)
        await self.figures(query)

    async def figures(self, query: str) -> dict[str, float]:
        """What a panel over ``query`` shows, by what its series differ in."""
        found = await asyncio.to_thread(self.prometheus.values, query)
        shown = {" ".join(labels.values()): value for labels, value in found}
        print(f"    {query}: {', '.join(f'{name} {value:.5g}'.strip() for name, value in sorted(shown.items()))}")
        return shown

    async def _save_archive(self) -> None:
        auditor = self.stack.identities.staff.signing("tally")
        await self.referendum.officers.download_archive(self.directory / "archive.bel", auditor=auditor)

    async def _until(self, holds: Callable[[dict[str, str]], bool]) -> None:
        seen = await asyncio.to_thread(_called, self.prometheus)

        async def so() -> bool:
            called = await asyncio.to_thread(_called, self.prometheus)
            for alert in sorted(called.keys() - seen.keys()):
                print(f"    {called[alert]}: {alert}", flush=True)
            for alert in sorted(seen.keys() - called.keys()):
                print(f"    over: {alert}", flush=True)
            seen.clear()
            seen.update(called)
            return holds(called)

        await eventually(so, within_s=_WITHIN_S)


def refusal(answer: httpx.Response) -> str:
    """What a person's page is told, shortly."""
    told = answer.json()
    after = answer.headers.get("Retry-After")
    return f"{answer.status_code} {told['type'].rsplit(':', 1)[-1]}" + (f", again in {after} s" if after else "")


def type_line(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Type a line as it stands in a runbook, and print what was said; the status is the caller's to look at."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    print(f"    $ {' '.join(word.name if isinstance(word, Path) else word for word in words)}")
    for line in (done.stdout + done.stderr).splitlines()[:4]:
        print(f"      {line[:160]}")
    return done


def show(words: Sequence[str], done: Done) -> None:
    """Print a line of an officer and what it said, which must have ended well."""
    assert done.returncode == 0, done.stderr
    print(f"    $ evote {' '.join(words)}")
    for line in done.stdout.splitlines():
        if line.strip():
            print(f"      {line.rstrip()[:160]}")


def log_lines(service: Service, event: str) -> list[dict[str, object]]:
    """The lines of an event in a service's log."""
    return [json.loads(line) for line in service.log_path.read_text().splitlines() if f'"{event}"' in line]


def _called(prometheus: Prometheus) -> dict[str, str]:
    """Alerts that call somebody now, and how: ``page`` or ``ticket``."""
    firing = prometheus.values('ALERTS{alertstate="firing",severity=~"page|ticket"}')
    return {labels["alertname"]: labels["severity"] for labels, _ in firing}
