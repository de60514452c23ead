"""How fast ballots are made and verified in a group, beside programs that others wrote, on the same archive.

``make bench-verify [GROUP=Ed25519] [BALLOTS=300] [BELENIOS_TOOL=program]`` prints a table. Generation is in this
process; verification is ``evote-verify`` on all cores, of the whole archive and its start included, as an auditor runs
it; for Ed25519 also without the compiled core. belenios-tool verifies the same file in the same run, on the core that
it uses: Debian 12's knows BELENIOS-2048 alone, Debian 13's (``make belenios-tool``) Ed25519, too. npm's sirona takes
0.1 s a ballot, and gets an archive of its own. A run is of one group: BELENIOS-2048 takes ten times as long, and what
disturbs it must not spoil the other's figures. ``make bench-verify-growth [SIZES="10000 100000"]`` verifies archives
of growing size, each once more with ``--resume``, as an auditor of record does who verified it shortly before its end.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evote_belenios import native
from evote_belenios.archive import ArchiveWriter
from evote_belenios.ballots import generate_ballot
from evote_belenios.box import BallotFacts, recall_ballots
from evote_belenios.credentials import generate, public_credential
from evote_belenios.decryption import partial_decryption
from evote_belenios.election import Election, Question, election_json, new_uuid, parse_election
from evote_belenios.groups import BELENIOS_2048, ED25519, Group, group_by_name
from evote_belenios.jsontext import dump
from evote_belenios.result import compute_result
from evote_belenios.tally import EncryptedTallyAccumulator
from evote_belenios.trustees import DecryptionKey, parse_trustees, public_key_json, trustees_json
from evote_local.referendum.taken import taken_by
from tqdm import tqdm

RANDOM = secrets.token_bytes
_ROOT = Path(__file__).parents[1]
SIRONA = _ROOT / ".tools/node/node_modules/sirona/dist/cli/sirona.js"
_CHUNK = 250
_MOST_OF_SIRONA = 100
_COPIED = 1 << 20
_VERIFIED_BEFORE = 0.9
"""Of an archive's ballots, when ``--resume`` goes on."""
OUT = Path("bench-out")
PLACES_OF = {ED25519.name: "verification", BELENIOS_2048.name: "verification-2048"}
"""The section of the document, by group."""
ROWS: list[dict[str, Any]] = []
"""What was printed, for the run's JSON."""
SAID: list[str] = []
"""And what follows from the rows, in words."""
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


@dataclass(frozen=True)
class MadeArchive:
    """A whole election of one basic trustee, and what its ballots took to make."""

    path: Path
    election: Election
    generation: Cost
    size_before: int
    """Bytes of the archive when it had :data:`_VERIFIED_BEFORE` of its ballots."""


def make_archive(group: Group, ballots: int, folder: Path, threads: int) -> MadeArchive:
    """Make ballots, a chunk at a time, and write them as they come: memory holds the voters, not their ballots."""
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
    accumulator = EncryptedTallyAccumulator(election)
    generate_ballot(election, private[0], [[0, 1, 0]], RANDOM)  # makes the tables

    def make(credentials: Sequence[str]) -> list[str]:
        return [generate_ballot(election, credential, [[0, 1, 0]], RANDOM) for credential in credentials]

    path, seconds, cpu_seconds = folder / f"{election.uuid}.bel", 0.0, 0.0
    size_before, written, before = 0, 0, int(ballots * _VERIFIED_BEFORE)
    chunks = [private[start : start + _CHUNK] for start in range(0, ballots, _CHUNK)]
    with path.open("wb") as file, ThreadPoolExecutor(threads) as pool:
        writer = ArchiveWriter(file, timestamp=int(time.time()))
        writer.setup(text, trustees, dump(public))
        for batch in tqdm(list(batched(chunks, threads)), desc=f"{group.name}: generating", mininterval=1):
            started, cpu_started = time.perf_counter(), time.process_time()
            made = list(pool.map(make, batch))
            seconds, cpu_seconds = (
                seconds + time.perf_counter() - started,
                cpu_seconds + time.process_time() - cpu_started,
            )
            for texts in made:
                for ballot, facts in zip(texts, recall_ballots(election, texts), strict=True):
                    assert isinstance(facts, BallotFacts)
                    if written == before:
                        size_before = file.tell()
                    writer.ballot(ballot)
                    written += 1
                    accumulator.add_ciphertexts(facts.ciphertexts, 1)
        tally = accumulator.encrypted_tally_json()
        decryption = partial_decryption(election, tally, key, RANDOM)
        writer.end_ballots()
        writer.encrypted_tally(tally, accumulator.sized_json())
        writer.partial_decryption(1, decryption)
        writer.result(compute_result(election, parsed_trustees, tally, ballots, {1: decryption}))
        writer.close()
    return MadeArchive(path, election, Cost(seconds, cpu_seconds), size_before)


def batched(chunks: Sequence[Sequence[str]], size: int) -> Iterator[Sequence[Sequence[str]]]:
    """As many chunks at a time as there are threads."""
    for start in range(0, len(chunks), size):
        yield chunks[start : start + size]


def beside(group: Group, ballots: int, belenios_tool: str | None) -> None:
    """Measure one group, ours and others' programs one after the other on one archive, and print its rows."""
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        made = make_archive(group, ballots, Path(name), threads=1)
        row(group, f"generate ({native.arithmetic()}), 1 core", ballots, made.generation)
        verify = evote_verify(made.path)
        ours = cost_of(verify, Path(name), {})
        row(group, f"evote-verify ({group.arithmetic}), {cores} cores", ballots, ours)
        if group.arithmetic != native.REFERENCE:
            cost = cost_of(verify, Path(name), {native.SWITCH: "off"})
            row(group, f"evote-verify ({native.REFERENCE}), {cores} cores", ballots, cost)
        if belenios_tool is not None:
            # Its own random source would wait for an entropy daemon.
            environment = {"BELENIOS_USE_URANDOM": "1"}
            theirs = cost_of([belenios_tool, "election", "verify"], Path(name), environment)
            program = f"belenios-tool {version_of(belenios_tool)}"
            row(group, f"{program}, 1 core", ballots, theirs)
            compare(group, program, ours, theirs)
    if not SIRONA.exists():
        return
    if group is ED25519:
        beside_sirona(min(ballots, _MOST_OF_SIRONA))
    else:
        say(f"sirona {version_of_sirona()} stands in no row: it reads elections in Ed25519 alone.")


def beside_sirona(ballots: int) -> None:
    """On an archive of its own, for it takes 0.1 s a ballot."""
    with tempfile.TemporaryDirectory() as name:
        made = make_archive(ED25519, ballots, Path(name), threads=1)
        ours = cost_of(evote_verify(made.path), Path(name), {})
        row(ED25519, f"evote-verify, {ballots} ballots", ballots, ours)
        theirs = cost_of(["node", str(SIRONA), "election", "verify"], Path(name), {})
        program = f"sirona {version_of_sirona()}"
        row(ED25519, f"{program}, {ballots} ballots, 1 core", ballots, theirs)
        compare(ED25519, program, ours, theirs)


def version_of_sirona() -> str:
    return str(json.loads((SIRONA.parents[2] / "package.json").read_text())["version"])


def grow(sizes: Sequence[int]) -> None:
    """Verify archives of growing size: what a ballot costs, and what a hundred thousand more of them keep in memory."""
    first: tuple[int, Cost] | None = None
    for ballots in sizes:
        with tempfile.TemporaryDirectory() as name:
            made = make_archive(ED25519, ballots, Path(name), threads=len(os.sched_getaffinity(0)))
            cost = cost_of(evote_verify(made.path), Path(name), {})
            row(ED25519, f"evote-verify, {ballots} ballots", ballots, cost)
            again = resume(made, Path(name))
        share = f"{_VERIFIED_BEFORE:.0%} of them verified before"
        row(ED25519, f"evote-verify --resume, {ballots} ballots, {share}", ballots, again)
        say(
            f"With `--resume`, {share.replace('them', f'{ballots:,} ballots')}, `evote-verify` takes "
            f"{again.cpu_seconds / cost.cpu_seconds:.2f} of the processor time that it takes without, and "
            f"{again.seconds / cost.seconds:.2f} of the time."
        )
        if first is None:
            first = ballots, cost
            continue
        before, smallest = first
        ratio = cost.cpu_seconds / ballots / (smallest.cpu_seconds / before)
        each = ((cost.megabytes or 0) - (smallest.megabytes or 0)) * 1024 / (ballots - before)
        say(
            f"Among {ballots:,} ballots one costs {ratio:.2f} times the processor time that it does among {before:,}, "
            f"and each more keeps {each:.2f} kB in memory."
        )


def resume(made: MadeArchive, folder: Path) -> Cost:
    """Verify an archive that an auditor verified when it was shorter; what the second time takes."""
    shorter, state = folder / "before.bel", folder / "verified.json"
    # An archive only grows: its beginning is what it was.
    with made.path.open("rb") as whole, shorter.open("wb") as file:
        for start in range(0, made.size_before, _COPIED):
            file.write(whole.read(min(_COPIED, made.size_before - start)))
    cost_of([*evote_verify(shorter), "--resume", str(state)], folder, {})
    verified = json.loads(state.read_text())["archive"]["ballots"]
    cost = cost_of([*evote_verify(made.path), "--resume", str(state)], folder, {})
    assert 0 < verified < json.loads(state.read_text())["archive"]["ballots"], "something is new, and not all"
    return cost


def evote_verify(archive: Path) -> list[str]:
    return [str(Path(sys.executable).with_name("evote-verify")), str(archive)]


def version_of(belenios_tool: str) -> str:
    done = subprocess.run([belenios_tool, "--version"], capture_output=True, text=True, check=True)
    return done.stdout.split()[0]


def knows(belenios_tool: str, group: Group) -> bool:
    """Belenios has Ed25519 since 2.1."""
    return group is BELENIOS_2048 or not version_of(belenios_tool).startswith(("1.", "2.0"))


def compare(group: Group, program: str, ours: Cost, theirs: Cost) -> None:
    cores = len(os.sched_getaffinity(0))
    say(
        f"In {group.name} `evote-verify` is {theirs.seconds / ours.seconds:.1f} times as fast as {program}: "
        f"on {cores} cores, beside its one."
    )
    say(f"It takes 1/{theirs.cpu_seconds / ours.cpu_seconds:.1f} of the processor time of {program}.")


def say(what: str) -> None:
    SAID.append(what)
    print(what, flush=True)


def row(group: Group, what: str, ballots: int, cost: Cost) -> None:
    ROWS.append({"group": group.name, "what": what, "ballots": ballots, **asdict(cost)})
    each, memory = 1000 / ballots, "" if cost.megabytes is None else f"{cost.megabytes:6.0f} MB"
    print(
        f"{group.name:<14} {what:<48} {ballots / cost.seconds:7.0f} ballots/s "
        f"{cost.seconds * each:7.2f} ms {cost.cpu_seconds * each:7.2f} CPU ms a ballot {memory}"
    )
    sys.stdout.flush()


def _program(name: str) -> str | None:
    """Its whole path, for it is run elsewhere; None: none was asked for, and none is there."""
    found = shutil.which(name)
    if found is None and name != "belenios-tool":
        raise argparse.ArgumentTypeError(f"there is no program {name}: make belenios-tool puts one into .cache")
    return None if found is None else str(Path(found).resolve())


def _as_given(program: str) -> str:
    """What the same command takes on another machine, if it can: from the checkout's root, or by its name."""
    path = Path(program)
    if path.is_relative_to(_ROOT):
        return str(path.relative_to(_ROOT))
    return path.name if _program(path.name) == program else program


def main() -> None:
    """The program's entry."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ballots", type=int, default=300)
    parser.add_argument("--group", choices=sorted(PLACES_OF), default=ED25519.name)
    parser.add_argument(
        "--belenios-tool",
        type=_program,
        default="belenios-tool",
        help="one that knows Ed25519: 2.1 on (make belenios-tool)",
    )
    parser.add_argument("--grow", type=int, nargs="+", metavar="BALLOTS", help="verify archives of these sizes instead")
    arguments = parser.parse_args()
    print(f"{len(os.sched_getaffinity(0))} cores; processes that wait for one: {os.getloadavg()[0]:.1f}")
    if arguments.grow is not None:
        taken = taken_by(f'make bench-verify-growth SIZES="{" ".join(map(str, arguments.grow))}"')
        grow(arguments.grow)
        write("verification-growth", taken)
        return
    group, tool = group_by_name(arguments.group), arguments.belenios_tool
    if tool is not None and not knows(tool, group):
        print(f"belenios-tool {version_of(tool)} doesn't know {group.name}; make belenios-tool puts one that does here")
        tool = None
    given = "" if tool is None else f" BELENIOS_TOOL={_as_given(tool)}"
    taken = taken_by(f"make bench-verify GROUP={group.name} BALLOTS={arguments.ballots}{given}")
    print(f"{arguments.ballots} ballots")
    beside(group, arguments.ballots, tool)
    write(PLACES_OF[group.name], taken)


def write(name: str, taken: Mapping[str, str]) -> None:
    """What ``make performance KEEP=`` takes over."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.json"
    path.write_text(
        json.dumps({"taken": taken, "verification": name, "rows": ROWS, "said": SAID}, ensure_ascii=False, indent=2)
        + "\n"
    )
    print(path)


if __name__ == "__main__":
    main()
