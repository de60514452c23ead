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
16. archive - result, election - fingerprint
17. tracker - archive, archive - earlier archive, prefix - verified before
18. The archive's file is still what all of this read.
19. manifest - officers, manifest - fingerprint, manifest - build, front - manifest

What each tie is, its room in :mod:`.ties` says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from importlib.metadata import version

from evote_belenios.groups import Group
from evote_belenios.verify import verify_archive
from evote_tlog.policy import log_policy

from .findings import Finding, Outcome, Tie, Unusable
from .inputs import Given
from .reading.archive_file import ArchiveFile
from .reading.archive_place import Bar
from .reading.chains import ChainEvidence
from .reading.checkpoints import LogBroken
from .reading.log import ReadLog, read_log
from .reading.proof_file import proof_text
from .reading.receipt import Receipt
from .reading.saved import SavedLog
from .reading.sources import LogSource, SourceUnavailable
from .reading.trust import LogTrust, log_trust
from .reading.verified import Verified, VerifiedEvents, VerifiedLog, write_verified
from .report import Report, VerifiedArchive
from .ties import (
    archive,
    archive_log,
    chains,
    earlier,
    expected,
    extends,
    front,
    officers,
    proof,
    receipt_archive,
    receipt_log,
    receipt_service,
    records,
    rules,
    tracker,
    trustees,
    witnesses,
)
from .ties import verified as verified_before


def verify(given: Given, now: Callable[[], datetime], bar: Bar) -> Report:
    """All steps, in their order.

    Raises:
        Unusable: something that was given, or that the log or a chain gave, can't be used.
        OSError, NotAnArchive: that is the archive.
        ArchiveChanged: it was written to meanwhile.
        BrokenProcessPool: a verifying process was ended from outside.
    """
    findings, groups = list(_receipt(given)), set[Group]()  # 1 to 4
    log, found_in_log = _log(given, now, bar)  # 5 to 14
    findings += found_in_log
    groups |= set() if log is None else log.elections.groups
    verified = changed = None
    if given.archive is not None:
        earlier_events = None if given.verified is None else given.verified.archive
        if earlier_events is not None:
            changed = verified_before.changed_since(earlier_events, given.archive)  # 17
        known = 0 if earlier_events is None or changed is not None else earlier_events.events
        verified = _archive(given.archive, given, known, bar)  # 15
        if verified.found.election is not None:
            groups.add(verified.found.election.group)
        findings.append(archive.tie(verified.found))
        findings += _asked_of_archive(given.archive, given, verified)  # 16 and 17
    if given.verified is not None and given.resume is not None:
        findings.append(
            verified_before.tie(
                given.verified,
                str(given.resume),
                changed=changed,
                events=given.archive is not None,
                records=log is not None,
            )
        )
    if given.archive is not None:
        given.archive.require_unchanged()  # 18
    findings += _front(given)  # 19
    arithmetic = {group.name: group.arithmetic for group in sorted(groups, key=lambda group: group.name)}
    report = Report(version("evote-verify"), now(), verified, tuple(findings), arithmetic)
    if given.resume is not None and report.outcome is Outcome.HOLDS:
        write_verified(given.resume, _verified(report, given, log))
    return report


def _verified(report: Report, given: Given, log: ReadLog | None) -> Verified:
    """How far all of this holds; what was not given this time stays as it was kept."""
    before = given.verified
    events, records = (None, None) if before is None else (before.archive, before.log)
    if report.archive is not None and given.archive is not None:
        found = report.archive.found
        assert found.head is not None and given.archive.election_uuid is not None  # noqa: S101 - it holds
        events = VerifiedEvents(given.archive.election_uuid, found.events, found.head, found.ballots)
    if log is not None:
        # What is not public yet was not looked at.
        size = min([log.tree.size, *log.elections.withheld])
        # A server that withholds again what was verified must not make the auditor forget it: its root held just now.
        if records is None or records.size < size:
            records = VerifiedLog(log.key.text, size, log.tree.root(size).hex())
    arithmetic = ", ".join(f"{group}: {who}" for group, who in report.arithmetic.items())
    program = f"evote-verify {report.version}"
    if before is not None:  # whose word stood for the beginning goes on standing for it
        program, arithmetic = _both(before.program, program), _both(before.arithmetic, arithmetic)
    return Verified(report.time.isoformat(timespec="seconds"), program, arithmetic, events, records)


def _both(before: str, now: str) -> str:
    return "; ".join(dict.fromkeys(said for said in [*before.split("; "), now] if said))


def _front(given: Given) -> Iterator[Finding]:
    """Step 19."""
    if given.front is None:
        return
    signed = front.read_manifest(given.front)
    if isinstance(signed, Finding):
        yield signed
        return
    if given.roster is not None:
        yield front.tie_officers(signed, given.roster)
    if given.front_fingerprint is not None:
        yield front.tie_fingerprint(signed.manifest, given.front_fingerprint)
    if given.front_build is not None:
        yield front.tie_build(signed.manifest, given.front_build)
    yield front.tie_front(given.front, signed, newest_known=given.front_fingerprint is not None)


def _archive(file: ArchiveFile, given: Given, verified_before: int, bar: Bar) -> VerifiedArchive:
    started = time.perf_counter()
    with bar("verifying", "B") as progress:
        found = verify_archive(file.file, processes=given.processes, progress=progress, verified_before=verified_before)
    seconds = time.perf_counter() - started
    return VerifiedArchive(given.archive_place, file.sha256(), file.size, seconds, found)


def _asked_of_archive(file: ArchiveFile, given: Given, verified: VerifiedArchive) -> Iterator[Finding]:
    """Steps 16 and 17: what is checked only of those who ask for it."""
    if given.require_result:
        yield expected.tie_result(verified.found)
    if given.fingerprint is not None:
        yield expected.tie_fingerprint(given.fingerprint, verified.found)
    if given.tracker is not None:
        yield tracker.tie(given.tracker, file)
    if isinstance(given.earlier, ArchiveFile):
        yield extends.tie_archive(given.earlier, file)
        given.earlier.require_unchanged()
    elif given.earlier is not None:
        yield extends.tie_head(given.earlier, file)


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


def _log(given: Given, now: Callable[[], datetime], bar: Bar) -> tuple[ReadLog | None, list[Finding]]:
    """Steps 5 to 14."""
    if given.log is None:
        return None, []
    try:
        trust = log_trust(given.log_key, given.policy, given.log)  # 5
        asked = _ask_chains(given, trust, now)  # 6
        # Before the log is read: what is kept of this very look is nothing that was seen before.
        seen = {name: note for folder in given.kept for name, note in folder.kept_checkpoints()}
        mentioned = "" if given.receipt is None else given.receipt.tracker
        with bar("reading the log", "records") as progress:
            known = _known_records(given, trust)
            log = read_log(given.log, trust.key, mentioned, given.save, known, progress)  # 7
    except SourceUnavailable as error:
        return None, [Finding(Tie.RECORDS, Outcome.UNFINISHED, (error.reason,))]
    except LogBroken as error:
        aside = () if given.save is None else (f"what it gave is kept in {given.save.reject()}",)
        return None, [Finding(Tie.RECORDS, Outcome.FAILS, (error.reason, *aside))]
    grown = earlier.tie(seen.items(), log.tree, trust.key, given.log.freshness)  # 10
    _settle(given.save, grown)
    return log, [
        records.tie(log, given.log.place, trust),  # 7
        rules.tie(log.elections),  # 8
        trustees.tie(log.elections),  # 9
        *([] if given.roster is None else [officers.tie(log.elections, given.roster)]),  # 9
        grown,  # 10
        *([] if trust.policy is None else [witnesses.tie(log.witnessed, trust.policy, log.tree)]),  # 11
        *_chains(given, given.log, log, asked),  # 12
        *([] if given.receipt is None else [_receipt_in(log, given.receipt, given.save)]),  # 13
        *([] if given.archive is None else [archive_log.tie(given.archive, log.elections, log.tree.size)]),  # 14
    ]


def _known_records(given: Given, trust: LogTrust) -> VerifiedLog | None:
    """The beginning of the log that was verified before."""
    known = None if given.verified is None else given.verified.log
    if known is not None and known.key != trust.key.text:
        raise Unusable(f"{given.resume} is of a log with another key: keep a file for each log")
    return known


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
    saved = [kept for folder in given.kept for kept in folder.kept_chains()]
    # Finding the parts reads the archive once more: for a chain only.
    parts = list(_parts(log, given.receipt, given.archive)) if asked or saved else []
    answered = set()
    for answer in asked:
        if isinstance(answer, Finding):
            yield answer
            continue
        answered.add(answer.chain)
        yield chains.tie(answer, log.tree, source.freshness, parts)
    for evidence in saved:
        if evidence.chain not in answered:
            answered.add(evidence.chain)
            yield chains.tie_saved(evidence, log.tree, source.freshness, parts)


def _parts(log: ReadLog, receipt: Receipt | None, given: ArchiveFile | None) -> Iterator[chains.Part]:
    """What an auditor wants to know covered by a chain."""
    if receipt is not None and (ballot := log.elections.ballot(receipt.election_uuid, receipt.tracker)) is not None:
        yield chains.Part("the receipt's ballot", ballot.index + 1)
    election = None if given is None else log.elections.by_uuid.get(given.election_uuid or "")
    if given is not None and election is not None:
        if (last := archive_log.last_ballot(given, election)) is not None:
            yield chains.Part("the archive's election up to its last ballot", last.index + 1)
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
