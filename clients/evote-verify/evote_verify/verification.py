"""The chain of trust, from a voter's receipt to the chains that nobody here runs. Each tie is found to hold, or not.

 1. receipt - ballot service
 2. proof - checkpoint, and
 3. receipt - log, where the proof file that a voter keeps stands for the log.
 4. receipt - archive
 5. The log's key: the one that was given, the policy's, or the log's own word for it.
 6. Each chain is asked what it holds of the log, before the log is read: what it holds must be in the log then.
 7. records - checkpoint: the log is read, and what follows is held against its records.
 8. log - its rules
 9. trustees - election, officers - election
10. checkpoint - earlier ones
11. checkpoint - witnesses
12. checkpoint - ethereum, checkpoint - fabric
13. receipt - log
14. archive - log
15. archive
16. The archive's file is still what all of this read.

What each tie is, its room in :mod:`.ties` says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from evote_belenios.verify import verify_archive
from evote_tlog.policy import log_policy

from .findings import Finding, Outcome, Tie
from .inputs import Given
from .reading.archive_file import ArchiveFile
from .reading.chains import ChainEvidence
from .reading.checkpoints import LogBroken
from .reading.log import Progress, ReadLog, read_log
from .reading.proof_file import proof_text
from .reading.receipt import Receipt
from .reading.saved import SavedLog
from .reading.sources import LogSource, SourceUnavailable
from .reading.trust import LogTrust, log_trust
from .report import Report
from .ties import (
    archive,
    archive_log,
    chains,
    earlier,
    officers,
    proof,
    receipt_archive,
    receipt_log,
    receipt_service,
    records,
    rules,
    trustees,
    witnesses,
)

Bar = Callable[[str, str], AbstractContextManager[Progress]]
"""Shows the progress of what is done, in a unit."""


def verify(given: Given, now: Callable[[], datetime], bar: Bar) -> Report:
    """All steps, in their order.

    Raises:
        Unusable: something that was given, or that the log or a chain gave, can't be used.
        OSError, NotAnArchive: that is the archive.
        ArchiveChanged: it was written to meanwhile.
        BrokenProcessPool: a verifying process was ended from outside.
    """
    findings = [*_receipt(given), *_log(given, now, bar)]  # 1 to 14
    if given.archive is None:
        return Report(None, 0.0, tuple(findings))
    started = time.perf_counter()
    with bar("verifying", "B") as progress:
        verified = verify_archive(given.archive.file, processes=given.processes, progress=progress)
    seconds = time.perf_counter() - started
    findings.append(archive.tie(verified))  # 15
    given.archive.require_unchanged()  # 16
    return Report(verified, seconds, tuple(findings))


def _receipt(given: Given) -> Iterator[Finding]:
    """Steps 1 to 4: what needs no log."""
    if given.receipt is None:
        return
    yield receipt_service.tie(given.receipt, given.receipt_key)  # 1
    if given.proof is not None:
        trust = log_trust(given.log_key, given.policy, source=None)
        yield proof.tie(given.proof, trust.policy or log_policy(trust.key), trust.origin_of_key)  # 2
        yield receipt_log.tie_proven(given.receipt, given.proof)  # 3
    if given.archive is not None:
        yield receipt_archive.tie(given.receipt, given.archive)  # 4


def _log(given: Given, now: Callable[[], datetime], bar: Bar) -> list[Finding]:
    """Steps 5 to 14."""
    if given.log is None:
        return []
    try:
        trust = log_trust(given.log_key, given.policy, given.log)  # 5
        asked = _ask_chains(given, trust, now)  # 6
        # Before the log is read: what is kept of this very look is nothing that was seen before.
        seen = {name: note for folder in given.kept for name, note in folder.kept_checkpoints()}
        tracker = "" if given.receipt is None else given.receipt.tracker
        with bar("reading the log", "records") as progress:
            log = read_log(given.log, trust.key, tracker, given.save, progress)  # 7
    except SourceUnavailable as error:
        return [Finding(Tie.RECORDS, Outcome.UNFINISHED, (error.reason,))]
    except LogBroken as error:
        aside = () if given.save is None else (f"what it gave is kept in {given.save.reject()}",)
        return [Finding(Tie.RECORDS, Outcome.FAILS, (error.reason, *aside))]
    grown = earlier.tie(seen.items(), log.tree, trust.key, given.log.freshness)  # 10
    _settle(given.save, grown)
    return [
        records.tie(log, given.log.place, trust.origin_of_key),  # 7
        rules.tie(log.elections),  # 8
        trustees.tie(log.elections),  # 9
        *([] if given.roster is None else [officers.tie(log.elections, given.roster)]),  # 9
        grown,  # 10
        *([] if trust.policy is None else [witnesses.tie(log.witnessed, trust.policy, log.tree)]),  # 11
        *_chains(given, given.log, log, asked),  # 12
        *([] if given.receipt is None else [_receipt_in(log, given.receipt, given.save)]),  # 13
        *([] if given.archive is None else [archive_log.tie(given.archive, log.elections, log.tree.size)]),  # 14
    ]


def _ask_chains(given: Given, trust: LogTrust, now: Callable[[], datetime]) -> list[ChainEvidence | Finding]:
    answers = []
    for chain in given.chains:
        answer = chains.ask(chain, trust.key.name, now)
        if given.save is not None and isinstance(answer, ChainEvidence):
            given.save.keep_chain(answer)
        answers.append(answer)
    return answers


def _settle(save: SavedLog | None, grown: Finding) -> None:
    """A log that contradicts what was seen before never takes the place of the copy that held."""
    if save is not None and grown.outcome is Outcome.FAILS:
        save.reject()
    elif save is not None:
        save.accept()


def _chains(
    given: Given, source: LogSource, log: ReadLog, asked: Sequence[ChainEvidence | Finding]
) -> Iterator[Finding]:
    """Those that were asked, and what was saved of others."""
    parts = list(_parts(log, given.receipt, given.archive))
    answered = set()
    for answer in asked:
        if isinstance(answer, Finding):
            yield answer
            continue
        answered.add(answer.chain)
        yield chains.tie(answer, log.tree, source.freshness, parts)
    for evidence in (kept for folder in given.kept for kept in folder.kept_chains()):
        if evidence.chain not in answered:
            answered.add(evidence.chain)
            yield chains.tie_saved(evidence, log.tree, source.freshness, parts)


def _parts(log: ReadLog, receipt: Receipt | None, given: ArchiveFile | None) -> Iterator[chains.Part]:
    """What an auditor wants to know covered by a chain."""
    if receipt is not None and (ballot := log.elections.ballot(receipt.election_uuid, receipt.tracker)) is not None:
        yield chains.Part("the receipt's ballot", ballot.index + 1)
    election = None if given is None else log.elections.by_uuid.get(given.election_uuid or "")
    if election is not None:
        if election.ballots:
            yield chains.Part("the archive's election up to its last ballot", election.ballots[-1].index + 1)
        yield chains.Part("everything that the log has of it", election.last_index + 1)


def _receipt_in(log: ReadLog, receipt: Receipt, save: SavedLog | None) -> Finding:
    """With the proof file that the voter may keep, where the log is saved."""
    found = receipt_log.tie(receipt, log.elections, log.tree.size)
    ballot = log.elections.ballot(receipt.election_uuid, receipt.tracker)
    if ballot is None or save is None:
        return found
    witnessed = log.witnessed
    head = witnessed if witnessed is not None and witnessed.checkpoint.size > ballot.index else log.head
    text = proof_text(log.mentions[ballot.index], ballot.index, log.tree, head)
    if text is None:
        kept = "the ballot is too long for a proof file"
    else:
        kept = f"the voter may keep {save.keep_proof(f'ballot-{ballot.index}', text)}: it shows this without the log"
    return Finding(found.tie, found.outcome, (*found.lines, kept))
