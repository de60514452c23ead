"""How fast ballots are made and verified, in both groups, beside Debian's belenios-tool where it knows the group.

``make bench-verify [BALLOTS=300]`` prints a table. Generation is one process; verification uses all cores and is of the
whole archive, as an auditor does it. belenios-tool verifies the same file in the same run, on the core that it uses.
"""

from __future__ import annotations

import argparse
import os
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evote_belenios.archive import ArchiveWriter, open_archive
from evote_belenios.ballots import generate_ballot, parse_ballot
from evote_belenios.credentials import generate, public_credential
from evote_belenios.decryption import partial_decryption
from evote_belenios.election import Question, election_json, new_uuid, parse_election
from evote_belenios.groups import BELENIOS_2048, ED25519, Group
from evote_belenios.jsontext import dump
from evote_belenios.result import compute_result
from evote_belenios.tally import EncryptedTallyAccumulator
from evote_belenios.trustees import DecryptionKey, parse_trustees, public_key_json, trustees_json
from evote_belenios.verify import verify_archive
from tqdm import tqdm

RANDOM = secrets.token_bytes
QUESTION = Question("賛成しますか", ("賛成", "反対"), blank=True, min=1, max=1)


@dataclass
class Stopwatch:
    """Seconds of a block."""

    seconds: float = 0


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    watch, started = Stopwatch(), time.perf_counter()
    yield watch
    watch.seconds = time.perf_counter() - started


def make_archive(group: Group, ballots: int, folder: Path) -> tuple[Path, float]:
    """A whole election of one basic trustee; returns the file and the seconds that its ballots took to make."""
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
    with stopwatch() as generation:
        texts = [
            generate_ballot(election, credential, [[0, 1, 0]], RANDOM)
            for credential in tqdm(private, desc=f"{group.name}: generating", mininterval=1)
        ]
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
    return path, generation.seconds


def measure(group: Group, ballots: int) -> None:
    """Measure one group and print its rows."""
    with tempfile.TemporaryDirectory() as name:
        path, generation_s = make_archive(group, ballots, Path(name))
        cores = os.cpu_count() or 1
        with (
            open_archive(path) as file,
            stopwatch() as verification,
            tqdm(desc=f"{group.name}: verifying", unit="B", unit_scale=True) as bar,
        ):
            report = verify_archive(file, processes=cores, progress=lambda done, _total: advance(bar, done))
        if report.failures:
            raise SystemExit(f"the archive does not verify: {report.failures[0]}")
        row(group, "generate, 1 core", ballots, generation_s)
        row(group, f"evote-verify, {cores} cores", ballots, verification.seconds)
        tool = shutil.which("belenios-tool")
        if group is BELENIOS_2048 and tool is not None:
            with stopwatch() as theirs:
                subprocess.run(
                    [tool, "election", "verify"],
                    cwd=name,
                    env={**os.environ, "BELENIOS_USE_URANDOM": "1"},
                    stderr=subprocess.DEVNULL,
                    check=True,
                )
            row(group, "belenios-tool, 1 core", ballots, theirs.seconds)


def advance(bar: tqdm[object], done: int) -> None:
    bar.update(done - bar.n)


def row(group: Group, what: str, ballots: int, seconds: float) -> None:
    print(f"{group.name:<14} {what:<24} {ballots / seconds:8.0f} ballots/s {1000 * seconds / ballots:8.2f} ms/ballot")


def main() -> None:
    """The program's entry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ballots", type=int, default=300)
    ballots = parser.parse_args().ballots
    for group in (ED25519, BELENIOS_2048):
        measure(group, ballots)
        sys.stdout.flush()
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(f"peak memory: {own / 1024:.0f} MB here, {children / 1024:.0f} MB in the largest worker or tool")


if __name__ == "__main__":
    main()
