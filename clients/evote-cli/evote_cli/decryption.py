"""A trustee's partial decryption: of the one tally that log and witnesses show, and of no other. No network here.

An archive proves only that it contradicts itself nowhere. One with a single ballot would prove that as well, and its
decryption would show that ballot. So the archive must be what the public log leads to, as far as witnesses saw it:

1. Every trustee signed what stands under their name in the log, and confirmed exactly the setup that was opened.
2. The log says that the election was closed, that every partition's box was, and what was counted.
3. The archive verifies as a whole.
4. The archive follows from the log: the setup as it was opened, every ballot before the close, the tally.
5. This trustee has decrypted no other tally of the election.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from evote_belenios import threshold
from evote_belenios.archive import NotAnArchive, PublishedTally, Setup
from evote_belenios.channel import TrusteeSecret
from evote_belenios.decryption import partial_decryption as decrypt_partially
from evote_belenios.election import Election, parse_election
from evote_belenios.errors import NotSupported
from evote_belenios.trustees import DecryptionKey, parse_trustees
from evote_belenios.verify import verify_archive
from evote_ceremony.messages import Step
from evote_verify.findings import Outcome
from evote_verify.reading.archive_file import ArchiveChanged, ArchiveFile, opened_archive
from evote_verify.ties import archive_log

from .errors import ArchiveRejected, ArchiveTooEarly, CommandFailed, NotCountedYet, PolicyDiffers, RecordLost
from .keyfile import Randomness, RecordKeeper, identity_of
from .log_view import LogView, check_seen
from .message import Message
from .trustee import SeenCeremony, see_ceremony


@contextmanager
def archive_to_decrypt(path: Path) -> Iterator[ArchiveFile]:
    """Open an archive: one open file, so that what is decrypted is what was verified and tied to the log.

    Raises:
        ArchiveRejected: it is no archive, names no election, or is written to meanwhile.
        CommandFailed: it can't be read.
    """
    try:
        with opened_archive(path) as archive:
            yield archive
    except NotAnArchive as error:
        raise ArchiveRejected([f"選挙のアーカイブではありません: {error.detail}"]) from error
    except ArchiveChanged as error:
        raise ArchiveRejected(["検証の途中でファイルが書き換えられました。取り直してください"]) from error
    except OSError as error:
        raise CommandFailed(f"アーカイブを読めません: {path}（{error.strerror}）") from error


def election_of(archive: ArchiveFile) -> str:
    """The identifier of the election that an archive says it is of; raises ``ArchiveRejected``."""
    if archive.election_uuid is None:
        raise ArchiveRejected(["アーカイブに選挙の設定がありません"])
    return archive.election_uuid


def partial_decryption(
    secret: TrusteeSecret,
    keeper: RecordKeeper,
    archive: ArchiveFile,
    view: LogView,
    random: Randomness,
    *,
    processes: int,
    progress: Callable[[int, int], None],
) -> Message:
    """Check the archive against itself, the log and the own past; then decrypt its tally partially.

    Args:
        view: the log, as far as witnesses saw it.
        processes: how many verify at once.
        progress: called with the checks done and the checks in all.

    Raises:
        ArchiveRejected: it doesn't verify, isn't what the log leads to, or has another tally than one decrypted before.
        ArchiveChanged: it was written to meanwhile.
        ArchiveTooEarly: it ends before the count.
        NotCountedYet: the log doesn't show the count.
        LogRefused, PolicyDiffers: the log isn't the one of the ceremony.
        NotThisTrustee, CeremonyRejected: the election isn't this trustee's, or not as the trustees confirmed it.
        RecordLost: the record of the ceremony is missing; :mod:`evote_cli.restoring` makes it again.
    """
    election_uuid = election_of(archive)
    record = keeper.find(election_uuid)
    if record is None:
        raise RecordLost(keeper.path(election_uuid), election_uuid)
    if record.witness_policy != view.policy:
        raise PolicyDiffers(keeper.path(election_uuid))
    check_seen(record, view)
    seen = see_ceremony(secret, view, election_uuid)
    _require_counted(seen)
    tally = _checked_tally(archive, view, processes, progress)
    election = parse_election(tally.setup.election)
    key = _decryption_key(secret, seen, tally.setup, election)
    digest = sha256(tally.encrypted_tally.encode()).hexdigest()
    if record.decrypted_tally_sha256 not in (None, digest):
        # Two tallies that differ in one ballot show it together.
        raise ArchiveRejected(["この選挙では、別の暗号化集計をすでに復号しています"])
    keeper.save(replace(record, decrypted_tally_sha256=digest, seen=view.seen))
    text = decrypt_partially(election, tally.encrypted_tally, key, random)
    statement = seen.ceremony.sign_message(identity_of(secret), seen.trustee, Step.PARTIAL_DECRYPTION, text)
    return Message(election.uuid, seen.trustee, Step.PARTIAL_DECRYPTION, text, statement)


def _require_counted(seen: SeenCeremony) -> None:
    logged = seen.logged
    if logged.opened is None:
        raise NotCountedYet("まだ始まっていません")
    if logged.closed is None or logged.box_closed_at is None:
        raise NotCountedYet("まだ締め切られていません")
    if logged.tally is None:
        raise NotCountedYet("まだ集計されていません")


@dataclass(frozen=True)
class _ArchivedTally:
    setup: Setup
    encrypted_tally: str


def _checked_tally(
    archive: ArchiveFile, view: LogView, processes: int, progress: Callable[[int, int], None]
) -> _ArchivedTally:
    """Steps 3 and 4."""
    try:
        report = verify_archive(archive.file, processes=processes, progress=progress)
    except NotSupported as error:  # whoever serves the archive may put anything into it
        raise ArchiveRejected([str(error)]) from None
    if report.failures:
        raise ArchiveRejected([str(failure) for failure in report.failures])
    found = archive_log.tie(archive, view.witnessed.elections, view.witnessed.checkpoint.size)
    if found.outcome is not Outcome.HOLDS:
        raise ArchiveRejected(["アーカイブが公開ログと一致しません", *found.lines])
    tally = _read_tally(archive)
    archive.require_unchanged()
    return tally


def _decryption_key(secret: TrusteeSecret, seen: SeenCeremony, setup: Setup, election: Election) -> DecryptionKey:
    voutput = seen.own(Step.VOUTPUT)
    if voutput is None:
        raise ArchiveRejected(["この鍵は、この選挙の鍵生成の儀式を終えていません"])
    key = threshold.decryption_key_from(
        secret, election.group, threshold.encrypted_decryption_key(voutput, election.group)
    )
    if parse_trustees(setup.trustees, election.group).index_of(key) != seen.trustee:
        raise ArchiveRejected(["アーカイブの検証鍵が、あなたの鍵と違います"])
    return key


def _read_tally(archive: ArchiveFile) -> _ArchivedTally:
    setup: Setup | None = None
    for event in archive.events():
        if isinstance(event.content, Setup):
            setup = event.content
        elif isinstance(event.content, PublishedTally) and setup is not None:
            return _ArchivedTally(setup, event.content.encrypted_tally)
    raise ArchiveTooEarly
