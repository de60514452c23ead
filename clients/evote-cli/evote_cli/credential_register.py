"""Who was given which credential, by all the evidence so far, and what doesn't fit together."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from evote_jpki.certificates import BasicAttributes
from evote_jpki.persons import addresses_agree, fold_address, fold_name, names_agree

from .card_evidence import CardEvidence, CardPair
from .face_evidence import FaceEvidence
from .faults import Fault, Faulty


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
    FACE_BY_OFFICER = "職員が顔の登録を指示した有権者への、顔による交付"
    CODE_BY_OFFICER = "職員が再発行した投票コードによる、顔による交付"
    VERDICT_REPEATED = "同じ顔の照合結果による、同じ資格情報の再度の交付（記録の送り直し）"
    ATTRIBUTES_DIFFER = "同じ資格情報の先の交付と氏名か住所が異なる交付"


@dataclass
class CredentialRegister:
    """Who was given which credential so far."""

    of: dict[str, list[tuple[str, CardEvidence | FaceEvidence]]] = field(default_factory=dict)
    """By credential: the releases with their positions."""
    by_card: int = 0
    by_face: int = 0
    by_phone: int = 0
    remarks: dict[Remark, list[str]] = field(default_factory=lambda: {remark: [] for remark in Remark})
    _by_voter: dict[str, str] = field(default_factory=dict)
    _by_person: dict[BasicAttributes, str] = field(default_factory=dict)
    _by_certificate: dict[str, str] = field(default_factory=dict)
    _by_folded_person: dict[tuple[str, ...], str] = field(default_factory=dict)
    _by_verdict: dict[str, str] = field(default_factory=dict)
    _by_device: dict[str, str] = field(default_factory=dict)

    def enter(self, where: str, evidence: CardEvidence | FaceEvidence) -> None:
        """Add a release; ``Faulty`` when it doesn't fit what is there."""
        if any(other.voter_ref != evidence.voter_ref for _, other in self.of.get(evidence.credential, [])):
            raise Faulty(Fault.TWO_PERSONS)
        if isinstance(evidence, FaceEvidence):
            self._enter_face(where, evidence)
        else:
            self._enter_card(where, evidence)

    def _enter_card(self, where: str, evidence: CardEvidence) -> None:
        earlier = [other.person for _, other in self._cards_of(evidence.credential)]
        if not all(_may_be_one_person(person, evidence.person) for person in earlier):
            raise Faulty(Fault.TWO_PERSONS)
        self._check_one_credential(evidence)
        self._check_device(evidence)
        self.of.setdefault(evidence.credential, []).append((where, evidence))
        self.by_card += evidence.by == "card"
        self.by_phone += evidence.by == "phone"
        self._remark(Remark.FOLDED, where, evidence.match.likeness == "folded")
        self._remark(Remark.OFFICER, where, evidence.match.likeness == "officer")
        self._remark(Remark.CARD_REPLACED, where, bool(evidence.card_changes))
        self._remark(Remark.ATTRIBUTES_DIFFER, where, any(person != evidence.person for person in earlier))

    def _enter_face(self, where: str, evidence: FaceEvidence) -> None:
        credential = evidence.credential
        # auth publishes again when it can't know whether the log has its event: to the same voter the same credential.
        repeated = evidence.verdict_id in self._by_verdict
        if self._by_verdict.setdefault(evidence.verdict_id, credential) != credential:
            raise Faulty(Fault.VERDICT_TWICE)
        if self._by_voter.setdefault(evidence.voter_ref, credential) != credential:
            raise Faulty(Fault.TWO_CREDENTIALS)
        self._check_device(evidence)
        self.of.setdefault(credential, []).append((where, evidence))
        self.by_face += 1
        by_officer = any(enrolment.by == "officer" for enrolment in evidence.enrolments)
        self._remark(Remark.FACE_BY_OFFICER, where, by_officer)
        self._remark(Remark.CODE_BY_OFFICER, where, evidence.second_factor.origin == "officer")
        self._remark(Remark.VERDICT_REPEATED, where, repeated)

    def _remark(self, remark: Remark, where: str, holds: object) -> None:
        if holds:
            self.remarks[remark].append(where)

    def _cards_of(self, credential: str) -> list[tuple[str, CardEvidence]]:
        releases = self.of.get(credential, [])
        return [(where, evidence) for where, evidence in releases if isinstance(evidence, CardEvidence)]

    def unrecorded_cards(self) -> list[Finding]:
        """Releases by a card that no change on record explains; their order in the log doesn't matter."""
        findings = []
        for credential in self.of:
            releases = self._cards_of(credential)
            shown = [evidence.card for _, evidence in releases]
            if all(one.may_be(other) for one in shown for other in shown):
                continue
            history = max((evidence.card_changes for _, evidence in releases), key=len)
            known: list[CardPair] = [pair for change in history for pair in (change.before, change.after) if pair]
            findings += [
                Finding(Fault.CARD_UNRECORDED, where)
                for where, found in releases
                if not any(found.card.may_be(pair) for pair in known)
            ]
        return findings

    def _check_device(self, evidence: CardEvidence | FaceEvidence) -> None:
        # Honest devices make new keys each time: one key for two voters is no voter's device.
        if self._by_device.setdefault(evidence.device_key, evidence.credential) != evidence.credential:
            raise Faulty(Fault.DEVICE_TWICE)

    def _check_one_credential(self, evidence: CardEvidence) -> None:
        credential, person = evidence.credential, evidence.person
        owners = [self._by_person.setdefault(person, credential)]
        owners.append(self._by_voter.setdefault(evidence.voter_ref, credential))
        owners += [
            self._by_certificate.setdefault(certificate, credential) for certificate in evidence.card.fingerprints
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
