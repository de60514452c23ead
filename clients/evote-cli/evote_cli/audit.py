"""What the auditor of record checks: that each credential that voted was released to its voter.

auth derives the private credentials, so it could vote itself. What it can't do is sign as a person, or as biometric:
every release has to leave the signature of a card, or of biometric about a face, and the request of the device that
either of them names, sealed to the auditor, under a hash in the event log (design: release evidence).
No network here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from evote_belenios.archive import ArchiveReader, CastBallot, Setup, open_archive
from evote_belenios.ballots import parse_ballot
from evote_belenios.election import Election, parse_election
from evote_belenios.verify import verify_archive
from nacl.public import PrivateKey

from .credential_register import CredentialRegister, Finding, Remark
from .errors import ArchiveRejected, KeyOpensNone
from .faults import Fault, Faulty
from .release_evidence import LoggedRelease, Trusted, open_evidence


@dataclass(frozen=True)
class AuditReport:
    """How many there were, and what is wrong."""

    releases: int
    by_card: int
    """Those of them with valid evidence of a card."""
    by_face: int
    """Those of them with valid evidence of a face."""
    by_phone: int
    """Those of them with valid evidence of a card that was held to a phone."""
    evidenced: int
    """Public credentials with at least one valid, evidenced release."""
    voted: int
    """Public credentials that signed a ballot of the archive."""
    findings: list[Finding]
    remarks: dict[Remark, list[str]]
    """For each remark the releases that it is true of, by their positions in the log."""


def credentials_that_voted(
    archive: Path, *, processes: int, progress: Callable[[int, int], None]
) -> tuple[Election, set[str]]:
    """Verify the archive and return its election and every public credential that signed a ballot.

    Raises:
        ArchiveRejected: it doesn't verify, so that nothing in it can be relied upon.
    """
    election: Election | None = None
    voted = set()
    # One open file: the ballots that are read are those that were verified, whatever takes the file's name meanwhile.
    with open_archive(archive) as file:
        report = verify_archive(file, processes=processes, progress=progress)
        if report.failures:
            raise ArchiveRejected([str(failure) for failure in report.failures])
        for event in ArchiveReader(file):
            if isinstance(event.content, Setup):
                election = parse_election(event.content.election)
            elif isinstance(event.content, CastBallot) and election is not None:
                voted.add(parse_ballot(election, event.content.text).credential)
    if election is None:
        raise ArchiveRejected(["選挙の設定がありません"])
    return election, voted


def audit_releases(
    election_uuid: str,
    voted: set[str],
    releases: Iterable[LoggedRelease],
    key: PrivateKey,
    trusted: Trusted,
) -> AuditReport:
    """Reconcile the credentials that voted with the evidenced releases.

    Args:
        voted: see :func:`credentials_that_voted`.
        key: the auditor's, to which evidence is sealed.
        trusted: whose signatures evidence rests on.

    Raises:
        KeyOpensNone: all that was there to open is sealed to another key: nothing can be said of the releases.
    """
    findings, seen, count = [], set(), 0
    opened = sealed_to_another = 0
    register = CredentialRegister()
    for release in releases:
        count += 1
        try:
            if release.evidence_sha256 in seen:
                raise Faulty(Fault.EVIDENCE_TWICE)
            seen.add(release.evidence_sha256)
            evidence = open_evidence(release, election_uuid, key, trusted)
            opened += 1
            register.enter(release.where, evidence)
        except Faulty as faulty:
            sealed_to_another += faulty.fault is Fault.SEALED_TO_ANOTHER
            findings.append(Finding(faulty.fault, release.where))
    if sealed_to_another and not opened:
        raise KeyOpensNone(sealed_to_another)
    findings += register.unrecorded_cards()
    findings += [Finding(Fault.VOTED_UNRELEASED, credential) for credential in sorted(voted - register.of.keys())]
    return AuditReport(
        count,
        register.by_card,
        register.by_face,
        register.by_phone,
        len(register.of),
        len(voted),
        findings,
        register.remarks,
    )
