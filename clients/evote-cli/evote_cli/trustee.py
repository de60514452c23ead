"""What a trustee does with the key: the four steps of the ceremony, and the decryption. No network here.

Every own message is remembered before it is handed out, so a step that is repeated (a lost answer, a
broken medium) gives the same message again. What others sent is remembered too: a server that shows
another history later is found out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from evote_belenios import threshold
from evote_belenios.archive import ArchiveReader, PublishedTally, Setup, open_archive
from evote_belenios.channel import TrusteeSecret
from evote_belenios.decryption import partial_decryption as decrypt_partially
from evote_belenios.election import parse_election
from evote_belenios.errors import BeleniosError
from evote_belenios.groups import group_by_name
from evote_belenios.trustees import parse_trustees
from evote_belenios.verify import verify_archive

from .errors import ArchiveRejected, MaterialRejected, NothingToDo
from .keyfile import CeremonyRecord, Randomness, RecordKeeper
from .material import (
    CEREMONY_STEPS,
    CERTIFICATE,
    COMMITMENT,
    PARTIAL_DECRYPTION,
    POLYNOMIAL,
    STEP_NAMES,
    VOUTPUT,
    Material,
    Message,
)


def next_step(material: Material) -> str:
    """The step that this trustee has to do now.

    Raises:
        NothingToDo: it is the others' turn, or the ceremony is complete.
    """
    previous: str | None = None
    for step in CEREMONY_STEPS:
        if previous is not None:
            missing = [str(i) for i, text in enumerate(material.received(previous), 1) if text is None]
            if missing:
                raise NothingToDo(f"他のトラスティの{STEP_NAMES[previous]}を待っています（番号 {', '.join(missing)}）")
        if getattr(material.own, step) is None:
            return step
        previous = step
    raise NothingToDo("鍵生成の儀式で、あなたの作業はすべて終わっています")


def sign_step(key: TrusteeSecret, keeper: RecordKeeper, material: Material, random: Randomness) -> Message:
    """Produce the message of the step that is next.

    Raises:
        NothingToDo: it is not this trustee's turn.
        MaterialRejected: the material contradicts the protocol, or what was shown before.
    """
    step = next_step(material)
    record = keeper.load(material.election_uuid, material.trustee)
    _check_history(record, material)
    try:
        record, body = _STEPS[step](_Step(key, record, material, random))
    except BeleniosError as error:
        raise MaterialRejected(f"{error.rule}: {error.detail}") from error
    keeper.save(record)
    return Message(material.election_uuid, material.trustee, step, body)


def _check_history(record: CeremonyRecord, material: Material) -> None:
    own = material.own
    expected = {
        CERTIFICATE: record.certificate,
        COMMITMENT: None if record.polynomial is None else _sha256(record.polynomial),
        POLYNOMIAL: record.polynomial,
        VOUTPUT: record.voutput,
    }
    for step, remembered in expected.items():
        shown = getattr(own, step)
        if remembered is not None and shown is not None and shown != remembered:
            raise MaterialRejected(f"あなたの{STEP_NAMES[step]}がすり替えられています")
    if record.certificates and record.certificates != material.received(CERTIFICATE):
        raise MaterialRejected("証明書が、多項式を作ったときから変わっています")
    if record.commitments and record.commitments != material.received(COMMITMENT):
        raise MaterialRejected("コミットメントが、多項式を公開したときから変わっています")


@dataclass(frozen=True)
class _Step:
    """What a step works with."""

    key: TrusteeSecret
    record: CeremonyRecord
    material: Material
    random: Randomness


def _certificate(step: _Step) -> tuple[CeremonyRecord, str]:
    record, material = step.record, step.material
    if record.certificate is None:
        text = threshold.certificate(
            step.key,
            group_by_name(material.group),
            index=material.trustee,
            threshold=material.threshold,
            size=len(material.trustees),
            random=step.random,
        )
        record = replace(record, certificate=text)
    return record, str(record.certificate)


def _commitment(step: _Step) -> tuple[CeremonyRecord, str]:
    record, material = step.record, step.material
    if record.polynomial is None:
        certificates = material.complete(CERTIFICATE)
        text = threshold.polynomial(
            step.key, group_by_name(material.group), certificates, material.threshold, step.random
        )
        record = replace(record, certificates=certificates, polynomial=text)
    return record, threshold.commitment(str(record.polynomial))


def _polynomial(step: _Step) -> tuple[CeremonyRecord, str]:
    record, material = step.record, step.material
    if record.polynomial is None:
        raise MaterialRejected("この鍵マシンには、コミットした多項式の記録がありません")
    return replace(record, commitments=material.complete(COMMITMENT)), record.polynomial


def _voutput(step: _Step) -> tuple[CeremonyRecord, str]:
    record, material = step.record, step.material
    if not record.commitments:
        raise MaterialRejected("この鍵マシンには、公開前のコミットメントの記録がありません")
    if record.voutput is None:
        text = threshold.committed_voutput(
            step.key,
            group_by_name(material.group),
            record.certificates,
            material.threshold,
            material.complete(POLYNOMIAL),
            record.commitments,
            step.random,
        )
        record = replace(record, voutput=text)
    return record, str(record.voutput)


_STEPS: dict[str, Callable[[_Step], tuple[CeremonyRecord, str]]] = {
    CERTIFICATE: _certificate,
    COMMITMENT: _commitment,
    POLYNOMIAL: _polynomial,
    VOUTPUT: _voutput,
}


def partial_decryption(
    key: TrusteeSecret,
    keeper: RecordKeeper,
    archive: Path,
    random: Randomness,
    *,
    processes: int,
    progress: Callable[[int, int], None],
) -> Message:
    """Verify the whole archive, then decrypt its encrypted tally partially.

    Only one encrypted tally is decrypted for each election: two that differ in a ballot would together
    reveal it.

    Args:
        processes: how many verify at once.
        progress: called with the checks done and the checks in all.

    Raises:
        ArchiveRejected: it doesn't verify, has no tally, or has another tally than one decrypted before.
        KeyFileUnreadable: this key took no part in the election's ceremony.
    """
    # One open file: the tally that is decrypted is the one that was verified, whatever takes the file's name meanwhile.
    with open_archive(archive) as file:
        report = verify_archive(file, processes=processes, progress=progress)
        if report.failures:
            raise ArchiveRejected([str(failure) for failure in report.failures])
        content = _read_tally(file)
    election = parse_election(content.election_json)
    record = keeper.find(election.uuid)
    if record.voutput is None:
        raise ArchiveRejected(["この鍵は、この選挙の鍵生成の儀式を終えていません"])
    decryption_key = threshold.decryption_key_from(
        key, election.group, threshold.encrypted_decryption_key(record.voutput, election.group)
    )
    trustees = parse_trustees(content.trustees_json, election.group)
    if trustees.index_of(decryption_key) != record.trustee:
        raise ArchiveRejected(["アーカイブの検証鍵が、あなたの鍵と違います"])
    digest = _sha256(content.encrypted_tally)
    if record.decrypted_tally_sha256 not in (None, digest):
        raise ArchiveRejected(["この選挙では、別の暗号化集計をすでに復号しています"])
    keeper.save(replace(record, decrypted_tally_sha256=digest))
    text = decrypt_partially(election, content.encrypted_tally, decryption_key, random)
    return Message(election.uuid, record.trustee, PARTIAL_DECRYPTION, text)


@dataclass(frozen=True)
class _ArchivedTally:
    election_json: str
    trustees_json: str
    encrypted_tally: str


def _read_tally(archive: BinaryIO) -> _ArchivedTally:
    setup: Setup | None = None
    for event in ArchiveReader(archive):
        if isinstance(event.content, Setup):
            setup = event.content
        elif isinstance(event.content, PublishedTally) and setup is not None:
            return _ArchivedTally(setup.election, setup.trustees, event.content.encrypted_tally)
    raise ArchiveRejected(["まだ集計されていません"])


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()
