"""What the auditor of record checks: that each credential that voted was released to a person who signed for it.

auth derives the private credentials, so it could vote itself. What it can't do is sign as a person: every release
has to leave the signature of a card, sealed to the auditor, under a hash in the event log (design: release evidence).
No network here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from evote_belenios.archive import ArchiveReader, CastBallot, Setup
from evote_belenios.ballots import parse_ballot
from evote_belenios.election import Election, parse_election
from evote_belenios.verify import verify_archive
from evote_jpki.authorities import Authorities
from evote_jpki.certificates import BasicAttributes
from evote_jpki.persons import addresses_agree, fold_address, fold_name, names_agree
from nacl.public import PrivateKey

from .errors import ArchiveRejected
from .release_evidence import CardPair, Evidence, Fault, Faulty, LoggedRelease, open_evidence


@dataclass(frozen=True)
class Finding:
    """One fault, and where: a release's position in the log, or a public credential."""

    fault: Fault
    where: str

    def __str__(self) -> str:
        return f"{self.fault.value}: {self.where}"


class Remark(StrEnum):
    """What is no fault, and what the auditor should look at all the same: auth's word stands behind it."""

    FOLDED = "表記の違い（異体字など）をならして名簿と照合した交付"
    OFFICER = "職員の判断で名簿と照合した交付"
    CARD_REPLACED = "途中でカード（証明書）が替わった資格情報の交付"
    ATTRIBUTES_DIFFER = "同じ資格情報の先の交付と氏名か住所が異なる交付"


@dataclass(frozen=True)
class AuditReport:
    """How many there were, and what is wrong."""

    releases: int
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
    report = verify_archive(archive, processes=processes, progress=progress)
    if report.failures:
        raise ArchiveRejected([str(failure) for failure in report.failures])
    election: Election | None = None
    voted = set()
    with ArchiveReader(archive) as events:
        for event in events:
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
    authorities: Authorities,
) -> AuditReport:
    """Reconcile the credentials that voted with the evidenced releases.

    Args:
        voted: see :func:`credentials_that_voted`.
        key: the auditor's, to which evidence is sealed.
        authorities: those whose cards were taken; their revocation lists play no part here.
    """
    findings, seen, count = [], set(), 0
    ledger = _Ledger()
    for release in releases:
        count += 1
        try:
            if release.evidence_sha256 in seen:
                raise Faulty(Fault.EVIDENCE_TWICE)
            seen.add(release.evidence_sha256)
            ledger.enter(release.where, open_evidence(release, election_uuid, key, authorities))
        except Faulty as faulty:
            findings.append(Finding(faulty.fault, release.where))
    findings += ledger.unrecorded_cards()
    findings += [Finding(Fault.VOTED_UNRELEASED, credential) for credential in sorted(voted - ledger.of.keys())]
    return AuditReport(count, len(ledger.of), len(voted), findings, ledger.remarks)


@dataclass
class _Ledger:
    """Who signed for which credential so far."""

    of: dict[str, list[tuple[str, Evidence]]] = field(default_factory=dict)
    """By credential: the releases with their positions."""
    remarks: dict[Remark, list[str]] = field(default_factory=lambda: {remark: [] for remark in Remark})
    _by_person: dict[BasicAttributes, str] = field(default_factory=dict)
    _by_certificate: dict[str, str] = field(default_factory=dict)
    _by_folded_person: dict[tuple[str, ...], str] = field(default_factory=dict)

    def enter(self, where: str, evidence: Evidence) -> None:
        """Add a release; ``Faulty`` when it doesn't fit what is there."""
        earlier = [other.person for _, other in self.of.get(evidence.credential, [])]
        if not all(_may_be_one_person(person, evidence.person) for person in earlier):
            raise Faulty(Fault.TWO_PERSONS)
        self._check_one_credential(evidence)
        self.of.setdefault(evidence.credential, []).append((where, evidence))
        if evidence.match.likeness == "folded":
            self.remarks[Remark.FOLDED].append(where)
        if evidence.match.likeness == "officer":
            self.remarks[Remark.OFFICER].append(where)
        if evidence.card_changes:
            self.remarks[Remark.CARD_REPLACED].append(where)
        if any(person != evidence.person for person in earlier):
            self.remarks[Remark.ATTRIBUTES_DIFFER].append(where)

    def unrecorded_cards(self) -> list[Finding]:
        """Releases by a card that no change on record explains; their order in the log doesn't matter."""
        findings = []
        for releases in self.of.values():
            if len({evidence.card for _, evidence in releases}) == 1:
                continue
            history = max((evidence.card_changes for _, evidence in releases), key=len)
            known: set[CardPair | None] = {pair for change in history for pair in (change.before, change.after)}
            findings += [Finding(Fault.CARD_UNRECORDED, where) for where, found in releases if found.card not in known]
        return findings

    def _check_one_credential(self, evidence: Evidence) -> None:
        credential, person = evidence.credential, evidence.person
        owners = [self._by_person.setdefault(person, credential)]
        owners += [
            self._by_certificate.setdefault(certificate, credential)
            for certificate in (evidence.card.user, evidence.card.signature)
        ]
        if evidence.match.likeness != "officer":
            # Two voters whom only an officer can tell apart may be alike when folded; others may not.
            owners.append(self._by_folded_person.setdefault(_folded(person), credential))
        if any(owner != credential for owner in owners):
            raise Faulty(Fault.TWO_CREDENTIALS)


def _may_be_one_person(one: BasicAttributes, other: BasicAttributes) -> bool:
    """A renewed certificate may tell another name or another address, never both, nor another birth date or sex."""
    return (one.birth_date, one.sex) == (other.birth_date, other.sex) and (
        names_agree(one.name, other.name) or addresses_agree(one.address, other.address)
    )


def _folded(person: BasicAttributes) -> tuple[str, ...]:
    return fold_name(person.name), fold_address(person.address), person.birth_date, person.sex
