"""The chain of trust, from a voter's receipt to the chains that nobody here runs. Each tie is found to hold, or not.

1. receipt - ballot service: the service signed the receipt.
2. Each chain is asked what it holds of the log, before the log is read: what it holds must be in the log then.
3. records - checkpoint: every record of the log is read, and hashes to the root that the log's key signed.
4. log - its rules: every record is a public event; ballots stand once, under their own hash, before the close.
5. checkpoint - earlier ones: every checkpoint that was seen before is a beginning of this log.
6. checkpoint - witnesses: enough witnesses of the auditor's policy cosigned a checkpoint of this log.
7. checkpoint - ethereum, checkpoint - fabric: every anchor is the head of this log at its size.
8. receipt - log: the receipt's ballot is in the log; whether it counts.
9. archive - log: the archive follows from the log, ballot by ballot and byte by byte.
10. receipt - archive: the receipt's ballot is in the archive.
11. archive: what :mod:`evote_belenios.verify` lists.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from evote_anchors.errors import ChainError, ChainUnavailable, WrongContract
from evote_tlog.checkpoint import VerifierKey

from . import archive_tie
from .chains import ChainEvidence, NamedChain, Part, read_chain, tie_chain
from .elections import LoggedElections
from .findings import CHAIN_TIES, Finding, Outcome, Tie, Unusable
from .inputs import LogTrust
from .log_reader import LogBroken, Progress, SignedHead, newest_head, read_records, signed_head
from .log_tree import LogTree
from .proof_file import proof_text
from .receipt import Receipt, find_ballot, tie_to_log
from .saved import SavedLog, tie_earlier
from .sources import WITNESSED, LogSource, NotServed, RecordingSource, SourceUnavailable
from .witnesses import tie_witnesses


@dataclass(frozen=True)
class LogTask:
    """A log to be read, and what to hold against it."""

    source: LogSource
    trust: LogTrust
    chains: Sequence[NamedChain]
    kept: tuple[SavedLog, ...]
    """Folders with what was seen before."""
    save: SavedLog | None
    receipt: Receipt | None
    archive: Path | None
    election_uuid: str | None
    """The archive's election, if it can be read."""
    now: Callable[[], datetime]
    progress: Progress


@dataclass(frozen=True)
class _ReadLog:
    """A log whose records hash to its signed root."""

    head: SignedHead
    witnessed: SignedHead | None
    tree: LogTree
    elections: LoggedElections
    mentions: Mapping[int, bytes]
    """Records that mention the receipt's tracker."""


def verify_log(task: LogTask) -> list[Finding]:
    """Steps 2 to 9, in their order; raises ``Unusable``, and what reading an archive raises."""
    answers = [_ask(chain, task) for chain in task.chains]
    seen = {name: note for folder in task.kept for name, note in folder.kept_checkpoints()}
    try:
        log = _read(task)
    except SourceUnavailable as error:
        return [Finding(Tie.RECORDS, Outcome.UNFINISHED, (error.reason,))]
    except LogBroken as error:
        aside = () if task.save is None else (f"what it gave is kept in {task.save.reject()}",)
        return [Finding(Tie.RECORDS, Outcome.FAILS, (error.reason, *aside))]
    earlier = tie_earlier(seen.items(), log.tree, task.trust.key, task.source.freshness)
    if task.save is not None and earlier.outcome is Outcome.FAILS:
        task.save.reject()
    elif task.save is not None:
        task.save.accept()
    return [
        _records_finding(task, log),
        _rules_finding(log.elections),
        earlier,
        *([] if task.trust.policy is None else [tie_witnesses(log.witnessed, task.trust.policy, log.tree)]),
        *_chain_findings(task, log, answers),
        *_receipt_findings(task, log),
        *([] if task.archive is None else [archive_tie.tie_archive(task.archive, log.elections, log.tree.size)]),
    ]


def _ask(chain: NamedChain, task: LogTask) -> ChainEvidence | Finding:
    """Step 2."""
    try:
        evidence = asyncio.run(read_chain(chain, task.trust.key.name, task.now))
    except WrongContract as error:
        raise Unusable(f"{chain.name}: {error.reason}") from error
    except ChainUnavailable as error:
        return Finding(CHAIN_TIES[chain.name], Outcome.UNFINISHED, (error.reason,))
    except ChainError as error:
        # A block or a signature that is not what the chain's own rules make it.
        return Finding(CHAIN_TIES[chain.name], Outcome.FAILS, (error.reason,))
    if task.save is not None:
        task.save.keep_chain(evidence)
    return evidence


def _read(task: LogTask) -> _ReadLog:
    """Steps 3 and 4; what is read is put aside on its way, so that a log that does not hold can be shown."""
    source = task.source
    if task.save is not None:
        task.save.begin(task.trust.key)
        source = RecordingSource(source, task.save.incoming)
    witnessed, newest = _witnessed_head(source, task.trust.key), newest_head(source, task.trust.key)
    heads = [newest] if witnessed is None else [witnessed, newest]
    if task.save is not None:
        for head in heads:
            task.save.keep_checkpoint(head)
    # One replica may be a moment behind the other that gave the cosigned checkpoint.
    head = max(heads, key=lambda head: head.checkpoint.size)
    elections, mentions = LoggedElections(), dict[int, bytes]()
    tracker = b"" if task.receipt is None else task.receipt.tracker.encode()

    def take(index: int, value: bytes) -> None:
        elections.add(index, value)
        if tracker and tracker in value:
            mentions[index] = value

    return _ReadLog(head, witnessed, read_records(source, head, take, task.progress), elections, mentions)


def _witnessed_head(source: LogSource, key: VerifierKey) -> SignedHead | None:
    try:
        note = source.read(WITNESSED)
    except NotServed:
        return None
    return signed_head(note, key, "the cosigned checkpoint")


def _records_finding(task: LogTask, log: _ReadLog) -> Finding:
    checkpoint = log.head.checkpoint
    lines = (
        f"{checkpoint.origin}, read from {task.source.place}",
        f"all {checkpoint.size} records hash to the signed root {checkpoint.root.hex()}, and so do the tiles",
        task.trust.origin_of_key,
    )
    return Finding(Tie.RECORDS, Outcome.HOLDS, lines)


def _rules_finding(elections: LoggedElections) -> Finding:
    if elections.faults:
        return Finding(Tie.RULES, Outcome.FAILS, tuple(elections.faults))
    ballots = sum(len(election.ballots) for election in elections.by_uuid.values())
    return Finding(
        Tie.RULES,
        Outcome.HOLDS,
        (f"every record is a public event; {ballots} ballots, none twice, none after the close",),
    )


def _chain_findings(task: LogTask, log: _ReadLog, asked: Sequence[ChainEvidence | Finding]) -> Iterator[Finding]:
    parts = list(_parts(task, log))
    answered = set()
    for answer in asked:
        if isinstance(answer, Finding):
            yield answer
            continue
        answered.add(answer.chain)
        yield tie_chain(answer, log.tree, task.source.freshness, parts)
    for evidence in (kept for folder in task.kept for kept in folder.kept_chains()):
        if evidence.chain in answered:
            continue
        answered.add(evidence.chain)
        found = tie_chain(evidence, log.tree, task.source.freshness, parts)
        caveat = (
            f"this is what was saved of the chain at {evidence.read_at}; that these blocks are on it, only the chain "
            f"itself shows: give --{evidence.chain}"
        )
        yield Finding(found.tie, found.outcome, (*found.lines, caveat))


def _parts(task: LogTask, log: _ReadLog) -> Iterator[Part]:
    """What an auditor wants to know covered by a chain."""
    if task.receipt is not None and (ballot := find_ballot(task.receipt, log.elections)) is not None:
        yield Part("the receipt's ballot", ballot.index + 1)
    election = log.elections.by_uuid.get(task.election_uuid or "")
    if election is not None:
        if election.ballots:
            yield Part("the archive's election up to its last ballot", election.ballots[-1].index + 1)
        yield Part("everything that the log has of it", election.last_index + 1)


def _receipt_findings(task: LogTask, log: _ReadLog) -> Iterator[Finding]:
    if task.receipt is None:
        return
    found = tie_to_log(task.receipt, log.elections, log.tree.size)
    ballot = find_ballot(task.receipt, log.elections)
    if ballot is None or task.save is None:
        yield found
        return
    witnessed = log.witnessed
    covers = witnessed is not None and witnessed.checkpoint.size > ballot.index
    head = witnessed if witnessed is not None and covers else log.head
    text = proof_text(log.mentions[ballot.index], ballot.index, log.tree, head)
    if text is None:
        kept = "the ballot is too long for a proof file"
    else:
        kept = (
            f"the voter may keep {task.save.keep_proof(f'ballot-{ballot.index}', text)}: it shows this without the log"
        )
    yield Finding(found.tie, found.outcome, (*found.lines, kept))
