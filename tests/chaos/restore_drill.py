"""A drill (`make drill`): the whole platform is lost while people vote, and put back as docs/runbooks/backup.md says.

First from one that is older than ballots with a receipt, which must be noticed, then from the newest. Witnesses and the
chain are others': they stay, and remember.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from evote_local.people.voters import PollingDay, Voter, open_client
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.referendum.verification import verify_as_auditor
from evote_local.stack.service import Service
from evote_local.stack.stack import Stack
from evote_local.testbed import patiently

from .test_faults import _replay

# Each time people, brokers and services are waited for, which a busy machine keeps for long.
pytestmark = [pytest.mark.stack, pytest.mark.timeout(3600)]


@dataclass
class Operator:
    """Who makes backups of a stack, and puts it back."""

    stack: Stack
    directory: Path

    def __post_init__(self) -> None:
        self.sets, self._identity = self.directory / "sets", self.directory / "backup-key"
        self.sets.mkdir()
        self._recipient = self._run("keygen", "--identity", self._identity).stdout.strip()

    @property
    def _keys(self) -> Path:
        return self.stack.identities.log_key_file.parent

    @property
    def _kafka(self) -> Path:
        return self.stack.kafka.directory / "data"

    def make(self) -> subprocess.CompletedProcess[str]:
        """One set of all that no replay brings back."""
        until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
        options = ("--into", self.sets, "--to", self._recipient, "--keep-until", until)
        return self._run("make", *options, "--schema", "auth", "--keys", self._keys, "--kafka", self._kafka)

    def made(self) -> tuple[Path, str]:
        """The set that is made of a platform at rest, and the fingerprint that is written into the book."""
        said = self.make()
        assert said.returncode == 0, said.stderr
        *_, fingerprint = said.stdout.split()
        return Path(said.stdout.splitlines()[0]), fingerprint

    def stop_everything(self) -> None:
        for service in self.stack.services:
            service.stop()
        self.stack.kafka.stop()

    def start_services(self) -> None:
        for service in self.stack.services:
            service.start()
        for service in self.stack.services:
            service.wait_ready()

    def lose_everything(self) -> None:
        """The city's machines with their disks; not the witnesses', nor the chain's."""
        self.stack.postgres.kill()
        for lost in (self._kafka, self.stack.postgres.directory, self._keys):
            shutil.rmtree(lost)
        self._monitor_memory.unlink(missing_ok=True)

    @property
    def _monitor_memory(self) -> Path:
        return Path(self.stack.ledger_anchor.environment["EVOTE_MONITOR_STATE_FILE"])

    async def put_back(self, backup: tuple[Path, str], name: str, services: Sequence[Service]) -> None:
        """docs/runbooks/backup.md, "Put a platform back", all but the start of these services."""
        folder, fingerprint = backup
        self.stack.postgres.start()
        await asyncio.to_thread(self.stack.create_schemas)
        checked = self._run("check", folder, "--identity", self._identity)
        assert checked.returncode == 0, checked.stderr
        place = self.stack.directory / name
        opened = ("--identity", self._identity, "--fingerprint", fingerprint)
        said = self._run("restore", folder, *opened, "--into", place)
        assert said.returncode == 0, said.stderr
        _print_lines(said.stdout)
        (place / "kafka-1").rename(self._kafka)
        (place / "keys-1").rename(self._keys)
        self.stack.kafka.start()
        programs = {service.module: service for service in services}
        for service in programs.values():
            self.stack.migrate(service)
            _replay(service)

    def _run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        database = urlsplit(self.stack.database_url)
        reached = {
            "PGHOST": database.hostname,
            "PGPORT": database.port,
            "PGUSER": database.username,
            "PGPASSWORD": database.password,
            "PGDATABASE": database.path[1:],
        }
        return subprocess.run(
            [sys.executable, "-m", "evote_backup.main", *map(str, words)],
            env={**os.environ, **{name: str(value) for name, value in reached.items()}},
            capture_output=True,
            text=True,
            check=False,
        )


def _print_lines(text: str) -> None:
    for line in text.splitlines():
        print(f"    {line.strip()}")


def test_a_lost_platform_is_put_back_and_an_older_backup_is_noticed(stack: Stack, tmp_path: Path) -> None:
    asyncio.run(_drill(stack, tmp_path))


async def _drill(stack: Stack, directory: Path) -> None:
    operator = Operator(stack, directory)
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=3, seed=49)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        with device_pool() as executor:
            scene = Scene(operator, referendum, await referendum.open_polls(executor), client, directory)
            await scene.play()


@dataclass
class Scene:
    """The day."""

    operator: Operator
    referendum: Referendum
    polls: PollingDay
    client: httpx.AsyncClient
    directory: Path

    async def play(self) -> None:
        first, second, third = self.referendum.voters
        await self._cast(first)
        await self._verify(first)

        print("\n  a backup while a broker runs is refused")
        refused = self.operator.make()
        _print_lines(refused.stderr)
        assert refused.returncode == 1

        print("\n  the platform rests, and a backup is made")
        older = await self._backup()

        print("\n  people go on: one votes again, one for the first time; a later backup is made")
        for voter in (first, second):
            await self._cast(voter)
        newest = await self._backup(then_start=False)

        print("\n  everything is lost; the older backup is put back")
        self.operator.lose_everything()
        # ledger-anchor is asked first, and alone.
        stack = self.operator.stack
        await self.operator.put_back(older, "from-older", [stack.ledger_anchor])
        await self._nobody_signs()

        print("\n  the newest backup is found; what is there is taken away, and that one is put back")
        self.operator.stop_everything()
        self.operator.lose_everything()
        await self.operator.put_back(newest, "from-newest", stack.services)
        self.operator.start_services()

        print("\n  people go on: one votes for the third time, one for the first")
        for voter in (first, third):
            await self._cast(voter)
        # Nobody blank, three for the first answer: one ballot of each voter, however many they cast.
        assert await self.referendum.close_and_count() == [0, 3, 0]
        print("  closed and counted: each voter's last ballot. evote-verify, over what it read before the loss, with:")
        for name, voter, number in (
            ("a receipt from before the first backup", first, 0),
            ("one from between the backups", second, 0),
            ("one from after the loss", third, 0),
        ):
            print(f"    {name}")
            output = await self._verify(voter, number)
        _print_lines(output)

    async def _cast(self, voter: Voter) -> None:
        if voter.credential is None:
            await self.polls.obtain_credential(voter, self.client)
        cast = await self.polls.cast(voter, "はい", [[0, 1, 0]], self.client)
        await self.polls.wait_until_anchored(cast, self.client)

    async def _backup(self, *, then_start: bool = True) -> tuple[Path, str]:
        self.operator.stop_everything()
        backup = self.operator.made()
        print(f"    {backup[0].name}, in the book with {backup[1][:16]}…")
        if then_start:
            self.operator.stack.kafka.start()
            self.operator.start_services()
        return backup

    async def _nobody_signs(self) -> None:
        """Only ledger-anchor is started, before anybody is let in: docs/runbooks/backup.md."""
        log = self.operator.stack.ledger_anchor
        already = log.log_path.read_text().count("witness-ahead")
        log.start()
        await asyncio.to_thread(log.wait_alive)
        said: list[str] = []

        async def refuses() -> bool:
            report = (await self.client.get(f"{log.url}/statusz")).json()
            said[:] = [check["detail"] for check in report["checks"].values() if "LogRolledBack" in str(check)]
            return bool(said)

        await patiently(refuses)
        print(f"    ledger-anchor /statusz: {said[0]}")
        lines = [json.loads(line) for line in log.log_path.read_text().splitlines() if "witness-ahead" in line]
        assert len(lines) > already
        for line in lines[already : already + 3]:
            print(f"    its log: {line['event']} {line['witness']}: {line['reason']}")
        # What is there is served, whoever leads.
        await asyncio.to_thread(log.wait_ready)
        (first, second, _) = self.referendum.voters
        size = (await self.client.get(f"{log.url}/coverage")).json()["size"]
        missing = [
            cast
            for voter in (first, second)
            for cast in voter.casts
            if not await self.polls.shows(cast, voter, self.client)
        ]
        print(f"    the log ends at {size} entries; {len(missing)} ballots with a receipt are not in it")
        assert len(missing) == 2

    async def _verify(self, voter: Voter, number: int = 0) -> str:
        stack = self.operator.stack
        await self.referendum.officers.download_archive(
            self.directory / "archive.bel", auditor=stack.identities.staff.signing("tally")
        )
        verdict = await verify_as_auditor(stack, self.client, voter.casts[number].receipt, self.directory)
        assert verdict.accepted, verdict.output
        return verdict.output
