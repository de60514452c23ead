"""How fast ballots are made and verified, in both groups, beside Debian's belenios-tool where it knows the group.

``make bench-verify [BALLOTS=300]`` prints a table. Generation is in this process; verification is ``evote-verify`` on
all cores, of the whole archive and its start included, as an auditor runs it; for Ed25519 also without the compiled
core. belenios-tool verifies the same file in the same run, on the core that it uses.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evote_belenios import native
from evote_belenios.archive import ArchiveWriter
from evote_belenios.ballots import generate_ballot, parse_ballot
from evote_belenios.credentials import generate, public_credential
from evote_belenios.decryption import partial_decryption
from evote_belenios.election import Question, election_json, new_uuid, parse_election
from evote_belenios.groups import BELENIOS_2048, ED25519, Group
from evote_belenios.jsontext import dump
from evote_belenios.result import compute_result
from evote_belenios.tally import EncryptedTallyAccumulator
from evote_belenios.trustees import DecryptionKey, parse_trustees, public_key_json, trustees_json
from tqdm import tqdm

RANDOM = secrets.token_bytes
QUESTION = Question("賛成しますか", ("賛成", "反対"), blank=True, min=1, max=1)


@dataclass(frozen=True)
class Cost:
    """What a program, or a part of this one, took."""

    seconds: float
    cpu_seconds: float
    megabytes: float | None = None
    """At the peak, of the process that had most."""


def cost_of(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Cost:
    """Run a program to its end; ``SystemExit`` when it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def make_archive(group: Group, ballots: int, folder: Path) -> tuple[Path, Cost]:
    """A whole election of one basic trustee; returns the file and what its ballots took to make."""
    key = DecryptionKey.generate(group, RANDOM)
    trustees = trustees_json([public_key_json(key, RANDOM)])
    parsed_trustees = parse_trustees(trustees, group)
    text = election_json(
        group=group,
        uuid=new_uuid(RANDOM),
        name="benchmark",
        description="",
        questions=[QUESTION],
        public_key=parsed_trustees.public_key_text,
        administrator="",
        credential_authority="",
    )
    election = parse_election(text)
    private = [generate(group, RANDOM) for _ in range(ballots)]
    public = sorted(public_credential(credential, election.uuid, group) for credential in private)
    generate_ballot(election, private[0], [[0, 1, 0]], RANDOM)  # makes the tables
    started, cpu_started = time.perf_counter(), time.process_time()
    texts = [
        generate_ballot(election, credential, [[0, 1, 0]], RANDOM)
        for credential in tqdm(private, desc=f"{group.name}: generating", mininterval=1)
    ]
    generation = Cost(time.perf_counter() - started, time.process_time() - cpu_started)
    accumulator = EncryptedTallyAccumulator(election)
    for ballot in texts:
        accumulator.add(parse_ballot(election, ballot))
    tally = accumulator.encrypted_tally_json()
    decryption = partial_decryption(election, tally, key, RANDOM)
    path = folder / f"{election.uuid}.bel"
    with path.open("wb") as file:
        writer = ArchiveWriter(file, timestamp=int(time.time()))
        writer.setup(text, trustees, dump(public))
        for ballot in texts:
            writer.ballot(ballot)
        writer.end_ballots()
        writer.encrypted_tally(tally, accumulator.sized_json())
        writer.partial_decryption(1, decryption)
        writer.result(compute_result(election, parsed_trustees, tally, ballots, {1: decryption}))
        writer.close()
    return path, generation


def measure(group: Group, ballots: int) -> None:
    """Measure one group and print its rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, generation = make_archive(group, ballots, folder)
        cores = os.cpu_count() or 1
        row(group, f"generate ({group.arithmetic}), 1 core", ballots, generation)
        verify = [str(Path(sys.executable).with_name("evote-verify")), str(path)]
        row(group, f"evote-verify ({group.arithmetic}), {cores} cores", ballots, cost_of(verify, folder, {}))
        if group.arithmetic != native.REFERENCE:
            cost = cost_of(verify, folder, {native.SWITCH: "off"})
            row(group, f"evote-verify ({native.REFERENCE}), {cores} cores", ballots, cost)
        tool = shutil.which("belenios-tool")
        if group is BELENIOS_2048 and tool is not None:
            # Its own random source would wait for an entropy daemon.
            cost = cost_of([tool, "election", "verify"], folder, {"BELENIOS_USE_URANDOM": "1"})
            row(group, "belenios-tool, 1 core", ballots, cost)


def row(group: Group, what: str, ballots: int, cost: Cost) -> None:
    each, memory = 1000 / ballots, "" if cost.megabytes is None else f"{cost.megabytes:6.0f} MB"
    print(
        f"{group.name:<14} {what:<48} {ballots / cost.seconds:7.0f} ballots/s "
        f"{cost.seconds * each:7.2f} ms {cost.cpu_seconds * each:7.2f} CPU ms a ballot {memory}"
    )
    sys.stdout.flush()


def main() -> None:
    """The program's entry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ballots", type=int, default=300)
    ballots = parser.parse_args().ballots
    print(f"{ballots} ballots, {os.cpu_count()} cores; processes that wait for one: {os.getloadavg()[0]:.1f}")
    for group in (ED25519, BELENIOS_2048):
        measure(group, ballots)


if __name__ == "__main__":
    main()
