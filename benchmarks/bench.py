"""What of the arithmetic, the log and the records became slower in this version (``make bench``, minutes).

Each figure is a processor's time, and stands beside that of a reference in the same round: what the standard library
and ``cryptography`` take for work that no release changes. So the machine's speed, and most of what else it does,
cancels out, and the ratio can be held against the committed one of another machine.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_auth.domain.credentials import private_credential
from evote_auth.keys.store import FileKeys
from evote_ballot.domain.cast import open_cast
from evote_belenios import native
from evote_belenios.admission import examine_casts
from evote_belenios.archive import read_ballots
from evote_belenios.ballots import generate_ballot
from evote_belenios.box import BallotFacts, examine_ballots
from evote_belenios.credentials import generate, public_credential
from evote_belenios.election import Election
from evote_belenios.groups import BELENIOS_2048, ED25519
from evote_belenios.order import sign_order, verify_order
from evote_eventlog.envelope import Envelope, decode, encode
from evote_local.referendum.taken import taken_by
from evote_local.testbed import accepted
from evote_tlog.checkpoint import Checkpoint, SigningKey, open_checkpoint
from evote_tlog.merkle import Frontier, leaf_hash
from tqdm import tqdm

from benchmarks.bench_verify import make_archive
from benchmarks.performance import RUNS, held_ratios, slower_than

Work = Callable[[], object]
BASELINE: Final = RUNS / "ratios.json"
ROUNDS: Final = 5
_AT_LEAST_S: Final = 0.2
"""Of a processor, for one figure in one round."""
_LEAVES: Final = 2_000
_CASTS: Final = 100
ELECTION: Final = "4yP2vbZnkbxpPG"


@dataclass(frozen=True)
class Figure:
    """What one piece of work takes."""

    ms: float
    ratio: float
    """To the reference of the same round; the median of all rounds."""


def reference() -> None:
    """A bit of everything that a processor does here: big numbers, hashes, signatures, texts and objects."""
    number = pow(3, _EXPONENT, _MODULUS)
    text = json.dumps({str(at): [number % (at + 2), "x" * at] for at in range(100)})
    digest = b""
    for _ in range(200):
        digest = hashlib.sha256(digest + text.encode()).digest()
    for _ in range(10):
        _SIGNING.public_key().verify(_SIGNING.sign(digest), digest)
    json.loads(text)


_MODULUS, _EXPONENT = 2**2048 - 1942289, 2**512 - 38117
_SIGNING = Ed25519PrivateKey.from_private_bytes(bytes(32))


def _count(archive: Path) -> int:
    return sum(1 for _ in read_ballots(archive))


def works(folder: Path) -> Iterator[tuple[str, Work]]:
    """Each figure's name, and its work for one of what it names."""
    program = str(Path(sys.executable).with_name("evote-verify"))
    yield "the start of evote-verify", _program([program, "--help"], {})
    for group, few in ((ED25519, 100), (BELENIOS_2048, 40)):
        made = make_archive(group, few, folder, threads=1)
        path, election = made.path, made.election
        # Its start is most of it: what a ballot takes is seen in the figures of this process alone.
        yield f"evote-verify of {few} ballots, {group.name}", _program([program, str(path)], {})
        if group is ED25519 and native.core is not None:
            yield (
                f"the same by the Python reference, {group.name}",
                _program([program, str(path)], {native.SWITCH: "off"}),
            )
        ballots = list(read_ballots(path))
        yield f"reading {few} ballots of an archive, {group.name}", partial(_count, path)
        yield f"{few} ballots examined, {group.name}", partial(_examine, election, ballots)
        credential = generate(group, secrets.token_bytes)
        yield f"a ballot made, {group.name}", partial(_make, election, credential)
        yield (
            f"a public credential, {group.name}",
            partial(public_credential, credential, ELECTION, group),
        )
        yield (
            f"an order signed and verified, {group.name}",
            _order(group, credential, hashlib.sha256(ballots[0].encode())),
        )
    key = FileKeys(bytes(32)).key_of(ELECTION)
    yield "a private credential of an election's key", lambda: private_credential(key, ED25519, ELECTION, "0" * 32)
    leaves = [leaf_hash(str(number).encode()) for number in range(_LEAVES)]
    yield f"{_LEAVES} leaves into the log's tree", lambda: _grow(leaves)
    signing = SigningKey("log.example", _SIGNING)
    checkpoint = Checkpoint("log.example", _LEAVES, leaves[0])
    yield "a checkpoint signed and opened", lambda: open_checkpoint(signing.sign(checkpoint), signing.verifier)
    yield from _cast_works(make_archive(ED25519, 1, folder, threads=1).election)


def _cast_works(election: Election) -> Iterator[tuple[str, Work]]:
    """What a service does with a cast besides its proofs: each on ballots as voters make them."""
    credentials = [generate(ED25519, secrets.token_bytes) for _ in range(_CASTS)]
    casts = [accepted(election.uuid, ED25519, one, _make(election, one)) for one in credentials]
    order = {"number": casts[0].order.number, "signature": casts[0].order.signature.model_dump()}
    # Compact, as devices write it.
    body = json.dumps({"ballot": casts[0].ballot, "order": order}, separators=(",", ":")).encode()
    yield "a cast's body opened by the intake", lambda: open_cast(body, election.uuid)
    yield f"{_CASTS} casts examined", lambda: examine_casts(casts)
    envelope = Envelope.wrap(casts[0], id="1", source="ballot-1", time=datetime(2026, 11, 29, tzinfo=UTC))
    value = encode(envelope)
    yield "a cast's event written", lambda: encode(envelope)
    yield "a cast's event read", lambda: decode(value)


def _make(election: Election, credential: str) -> str:
    return generate_ballot(election, credential, [[0, 1, 0]], secrets.token_bytes)


def _examine(election: Election, ballots: Sequence[str]) -> None:
    assert all(isinstance(verdict, BallotFacts) for verdict in examine_ballots(election, ballots))


def _order(group: Any, credential: str, digest: Any) -> Work:
    tracker = digest.hexdigest()[:43]
    public = public_credential(credential, ELECTION, group)

    def order() -> None:
        signed = sign_order(credential, ELECTION, group, tracker, 1, secrets.token_bytes)
        verify_order(signed, election_uuid=ELECTION, tracker=tracker, credential=public)

    return order


def _grow(leaves: Sequence[bytes]) -> bytes:
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def _program(command: Sequence[str], environment: Mapping[str, str]) -> Work:
    def run() -> None:
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{command[0]} ended with {done.returncode}: {done.stderr}")

    return run


def spent_s() -> float:
    """Processor time of this process and of those that it has waited for."""
    own, others = (resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime


def measure_s(work: Work, clock: Callable[[], float] = spent_s) -> float:
    """What one call takes, of as many as a clock of this resolution needs."""
    calls, begun = 0, clock()
    while True:
        work()
        calls += 1
        if (spent := clock() - begun) >= _AT_LEAST_S:
            return spent / calls


def figures_of(
    named: Mapping[str, Work], measure: Callable[[Work], float] = measure_s, rounds: int = ROUNDS
) -> dict[str, Figure]:
    """Every figure, from rounds in which everything is measured once."""
    for work in named.values():
        work()  # tables, caches, files
    times: dict[str, list[float]] = {name: [] for name in named}
    ratios: dict[str, list[float]] = {name: [] for name in named}
    for _ in tqdm(range(rounds), desc="rounds", disable=None):
        for name, work in named.items():
            # Around it, so that what the machine does otherwise weighs on both alike.
            before, spent, after = measure(reference), measure(work), measure(reference)
            times[name].append(spent)
            ratios[name].append(2 * spent / (before + after))
    return {name: Figure(min(times[name]) * 1000, statistics.median(ratios[name])) for name in named}


def version() -> str:
    """Of the project, which its releases go by."""
    return str(tomllib.loads((RUNS.parents[1] / "pyproject.toml").read_text())["project"]["version"])


def main() -> int:
    """Returns 1 with --strict when something is slower."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    parser.add_argument("--strict", action="store_true", help="what became slower is a failure")
    arguments = parser.parse_args()
    taken = taken_by("make bench")
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        figures = figures_of(dict(works(Path(name))))
    arguments.out.mkdir(parents=True, exist_ok=True)
    written = {
        "taken": taken,
        "version": version(),
        "figures": {name: asdict(figure) for name, figure in figures.items()},
    }
    (arguments.out / "figures.json").write_text(json.dumps(written, ensure_ascii=False, indent=2) + "\n")
    baseline = json.loads(BASELINE.read_text()) if BASELINE.exists() else None
    held = {} if baseline is None else held_ratios(baseline["content"])
    for name, figure in figures.items():
        then = f"{figure.ratio / held[name]:5.2f} of what it is held against" if name in held else "new"
        print(f"{name:<58} {figure.ms:10.3f} ms  {figure.ratio:8.4f} of the reference  {then}")
    slower = slower_than(held, {name: figure.ratio for name, figure in figures.items()})
    for name, times in slower.items():
        print(f"SLOWER {name}: {times:.2f} times what it is held against")
    against = "no run is kept" if baseline is None else f"held against version {baseline['content']['version']}"
    print(f"{len(slower)} of {len(figures)} slower by more than 15 % ({against}); {time.perf_counter() - begun:.0f} s")
    return 1 if slower and arguments.strict else 0


if __name__ == "__main__":
    sys.exit(main())
