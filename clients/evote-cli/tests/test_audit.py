"""The auditor's reconciliation: every way in which a release can be planted is found, by its own fault."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509 import load_pem_x509_certificates
from evote_auth.domain.cards import CardPair, Ended
from evote_auth.domain.cases import Decision
from evote_auth.domain.evidence import CardChange, MatchRecord, evidence
from evote_auth.domain.face_evidence import face_evidence
from evote_auth.domain.faces import ByCard, ByOfficer, Enrolment, SecondFactor
from evote_auth.domain.matching import Likeness
from evote_auth.domain.release import CardResponse
from evote_auth.domain.voting_codes import CodeOrigin, KeptCode
from evote_cli.audit import AuditReport, audit_releases
from evote_cli.credential_register import Remark
from evote_cli.errors import KeyOpensNone, ReleasesUnreadable
from evote_cli.faults import Fault
from evote_cli.release_evidence import LoggedRelease, Trusted, read_releases
from evote_device.keys import DeviceKeys, new_device_keys
from evote_device.requests import DeviceRequest, EnrolmentRequested, ReleaseRequested, sign_request
from evote_face.statements import FaceVerdict
from evote_jpki.authorities import Authorities
from evote_jpki.authority import CardKeys, Person, TestAuthority, generate_card_keys
from evote_jpki.card import JpkiCard
from evote_jpki.emulator import EmulatedCard
from evote_jpki.files import DIGITAL_SIGNATURE, USER_AUTHENTICATION
from evote_jpki.release_texts import ReleaseTexts
from evote_platform.clock import rfc3339, utc_now
from evote_statements.signed import sign_statement
from nacl.public import PrivateKey, SealedBox

UUID = "4yP2vbZnkbxpPG"
HANAKO = Person("筑波花子", "つくば市研究学園一丁目１番地１", "1980-02-29", "2")
MOVED = replace(HANAKO, address="土浦市中央1-1")
ICHIRO = Person("筑波一郎", "つくば市研究学園一丁目１番地１", "1978-05-05", "1")
EXACT = MatchRecord(Likeness.EXACT)
BY_OFFICER = MatchRecord(
    Likeness.OFFICER, "12345678", Decision("v", "佐藤", "戸籍で確認", datetime(2026, 11, 24, tzinfo=UTC))
)


BIOMETRIC = Ed25519PrivateKey.generate()
"""The key that stands in for biometric's."""


def voter_ref_of(credential: str) -> str:
    """The pseudonym of a credential's voter."""
    return sha256(credential.encode()).hexdigest()[:32]


def sign(card: EmulatedCard, texts: ReleaseTexts) -> CardResponse:
    client = JpkiCard(card.transmit)
    client.verify_pin(USER_AUTHENTICATION, "1234")
    client.verify_pin(DIGITAL_SIGNATURE, "ABC123")
    return CardResponse(
        user_certificate=client.read_certificate(USER_AUTHENTICATION),
        challenge_signature=client.sign(USER_AUTHENTICATION, texts.challenge.encode()),
        signature_certificate=client.read_certificate(DIGITAL_SIGNATURE),
        statement_signature=client.sign(DIGITAL_SIGNATURE, texts.statement.encode()),
    )


def new_device() -> DeviceKeys:
    return new_device_keys(secrets.token_bytes)


DEVICES: dict[str, DeviceKeys] = {}
"""The devices of the verdicts below, by their key's line."""


def verdict_on(credential: str, key: Ed25519PrivateKey = BIOMETRIC, **changes: object) -> str:
    """What biometric signs about the voter of a credential, for a new device."""
    device = new_device()
    DEVICES[device.public.text] = device
    now = utc_now()
    verdict = FaceVerdict(
        election_uuid=UUID,
        voter_ref=voter_ref_of(credential),
        issued_at=now - timedelta(minutes=1),
        expires_at=now + timedelta(minutes=4),
        order_id=secrets.token_hex(16),
        verdict_id=secrets.token_hex(16),
        device_key=device.public.text,
    )
    return sign_statement(verdict.model_copy(update=changes), key)


def asked_by_face(verdict: str) -> str:
    """What the device that a verdict names asks for with it; its election is as the verdict's, whatever that is."""
    said = json.loads(verdict)
    device = DEVICES[said["device_key"]] if "device_key" in said else new_device()
    uuid, order_id = said.get("election_uuid", UUID), said.get("order_id", "0" * 32)
    return sign_request(ReleaseRequested, device, uuid, order_id, {"verdict": verdict})


@dataclass
class Office:
    """An auth that may lie, and its auditor."""

    keys: CardKeys
    authority: TestAuthority
    auditor: PrivateKey
    offset: int = 0

    @property
    def trusted(self) -> Trusted:
        return Trusted(
            Authorities(load_pem_x509_certificates(self.authority.ca_bundle_pem()), []), (BIOMETRIC.public_key(),), None
        )

    def card(self, person: Person, **options: Any) -> EmulatedCard:
        return self.authority.issue_card(person, self.keys, pin="1234", password="ABC123", **options)

    def texts(self, device: DeviceKeys, uuid: str = UUID) -> ReleaseTexts:
        return ReleaseTexts(uuid, "住民投票", secrets.token_hex(16), secrets.token_hex(32), device.public.text)

    def content(
        self,
        card: EmulatedCard,
        credential: str,
        uuid: str = UUID,
        match: MatchRecord = EXACT,
        changes: Sequence[CardChange] = (),
        device: DeviceKeys | None = None,
    ) -> dict[str, Any]:
        device = device or new_device()
        texts = self.texts(device, uuid)
        response = sign(card, texts)
        text = evidence(
            response,
            texts,
            sign_request(ReleaseRequested, device, uuid, texts.challenge_id, response.members),
            voter_ref=voter_ref_of(credential),
            credential=credential,
            released_at=rfc3339(utc_now()),
            match=match,
            card_changes=changes,
        )
        return json.loads(text)

    def by_face(
        self,
        credential: str,
        verdict: str | None = None,
        origin: CodeOrigin = CodeOrigin.LETTER,
        enrolments: Sequence[Enrolment] = (),
        released_at: datetime | None = None,
    ) -> dict[str, Any]:
        now = released_at or utc_now()
        voter_ref = voter_ref_of(credential)
        code = KeptCode(voter_ref, origin, now - timedelta(days=3))
        verdict = verdict or verdict_on(credential)
        text = face_evidence(
            verdict,
            asked_by_face(verdict),
            election_uuid=UUID,
            voter_ref=voter_ref,
            credential=credential,
            released_at=rfc3339(now),
            second_factor=SecondFactor(code, now - timedelta(minutes=2)),
            enrolments=enrolments,
        )
        return json.loads(text)

    def logged(self, content: object) -> LoggedRelease:
        sealed = SealedBox(self.auditor.public_key).encrypt(json.dumps(content).encode())
        self.offset += 1
        return LoggedRelease(f"0:{self.offset}", sha256(sealed).hexdigest(), sealed)

    def remarks(self, releases: list[LoggedRelease]) -> dict[Remark, list[str]]:
        report = audit_releases(UUID, set(), releases, self.auditor, self.trusted)
        assert report.findings == []
        return {remark: positions for remark, positions in report.remarks.items() if positions}

    def report(self, releases: list[LoggedRelease], voted: set[str]) -> AuditReport:
        return audit_releases(UUID, voted, releases, self.auditor, self.trusted)

    def faults(self, releases: list[LoggedRelease], voted: set[str]) -> list[tuple[Fault, str]]:
        report = audit_releases(UUID, voted, releases, self.auditor, self.trusted)
        assert report.releases == len(releases) and report.voted == len(voted)
        return [(finding.fault, finding.where) for finding in report.findings]


@pytest.fixture(scope="module")
def office() -> Office:
    return Office(generate_card_keys(), TestAuthority(utc_now, secrets.token_bytes), PrivateKey.generate())


@pytest.fixture
def honest(office: Office) -> list[LoggedRelease]:
    """Hanako came twice, Ichiro once."""
    office.offset = 0
    card = office.card(HANAKO)
    return [
        office.logged(office.content(card, "a")),
        office.logged(office.content(card, "a")),
        office.logged(office.content(office.card(ICHIRO), "b")),
    ]


def test_every_vote_of_an_honest_election_is_evidenced(office: Office, honest: list[LoggedRelease]) -> None:
    assert office.faults(honest, {"a", "b"}) == []
    assert office.faults(honest, {"a"}) == []  # a credential may stay unused


def test_a_credential_that_voted_without_any_release_is_found(office: Office, honest: list[LoggedRelease]) -> None:
    assert office.faults(honest, {"a", "b", "c"}) == [(Fault.VOTED_UNRELEASED, "c")]


def test_a_planted_release_without_evidence_is_found(office: Office, honest: list[LoggedRelease]) -> None:
    planted = LoggedRelease("5:9", "0" * 64, None)
    assert office.faults([*honest, planted], {"a", "c"}) == [(Fault.NO_EVIDENCE, "5:9"), (Fault.VOTED_UNRELEASED, "c")]


def _changed(name: str, value: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda content: {**content, name: value}


def _flipped(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def flip(content: dict[str, Any]) -> dict[str, Any]:
        changed = bytearray(base64.b64decode(content[name]))
        changed[-1] ^= 1
        return {**content, name: base64.b64encode(bytes(changed)).decode()}

    return flip


@pytest.mark.parametrize(
    ("forge", "fault"),
    [
        (_flipped("challenge_signature"), Fault.SIGNATURE_WRONG),
        (_flipped("statement_signature"), Fault.SIGNATURE_WRONG),
        (_flipped("user_certificate"), Fault.CERTIFICATE_REFUSED),
        (_changed("signature_certificate", "AAAA"), Fault.CERTIFICATE_REFUSED),
        (_changed("released_at", "2001-01-01T00:00:00.000Z"), Fault.CERTIFICATE_REFUSED),
        (_changed("released_at", "yesterday"), Fault.EVIDENCE_MALFORMED),
        (_changed("release_statement", "何にでも同意します"), Fault.EVIDENCE_MALFORMED),
        (_changed("challenge", ""), Fault.EVIDENCE_MALFORMED),
        (_changed("statement_signature", 7), Fault.EVIDENCE_MALFORMED),
        (_changed("match", {"likeness": "guessed"}), Fault.EVIDENCE_MALFORMED),
        (_changed("card_changes", [{"after": {}}]), Fault.EVIDENCE_MALFORMED),
        (_changed("election_uuid", "5yP2vbZnkbxpPG"), Fault.OTHER_ELECTION),
        (lambda content: {**content, "user_certificate": content["signature_certificate"]}, Fault.CERTIFICATE_REFUSED),
        (lambda _: [], Fault.EVIDENCE_MALFORMED),
    ],
)
def test_forged_evidence_is_found(
    office: Office, honest: list[LoggedRelease], forge: Callable[[dict[str, Any]], object], fault: Fault
) -> None:
    forged = office.logged(forge(office.content(office.card(ICHIRO), "b")))
    assert office.faults([*honest, forged], {"a", "b"}) == [(fault, forged.where)]


def _asked_by(device: DeviceKeys | None, kind: type[DeviceRequest] = ReleaseRequested, **changes: str):
    """Evidence whose device's request another device signed (None: the device itself), or says something else."""

    def forge(content: dict[str, Any], own: DeviceKeys, occasion_id: str, proof: dict[str, str]) -> dict[str, Any]:
        occasion = {"election_uuid": UUID, "occasion_id": occasion_id} | changes
        request = sign_request(kind, device or own, occasion["election_uuid"], occasion["occasion_id"], proof)
        return {**content, "device_request": request}

    return forge


LIES = [
    _asked_by(new_device()),
    _asked_by(None, occasion_id="0" * 32),
    _asked_by(None, election_uuid="5yP2vbZnkbxpPG"),
    _asked_by(None, EnrolmentRequested),
    lambda content, own, occasion_id, proof: _asked_by(None)(content, own, occasion_id, {**proof, "more": "x"}),
    lambda content, own, occasion_id, proof: {**content, "device_request": "{}"},
]


@pytest.mark.parametrize("lie", LIES)
def test_a_release_that_its_device_did_not_ask_for_is_found(
    office: Office, honest: list[LoggedRelease], lie: Callable[..., dict[str, Any]]
) -> None:
    device = new_device()
    content = office.content(office.card(ICHIRO), "b", device=device)
    challenge_id = content["challenge"].splitlines()[2]
    proof = {name: content[name] for name in content if name.endswith(("certificate", "signature"))}
    held = office.logged(_asked_by(None)(content, device, challenge_id, proof))
    assert office.faults([*honest[:2], held], {"a"}) == []
    by_card = office.logged(lie(content, device, challenge_id, proof))
    content = office.by_face("c")
    said = json.loads(content["verdict"])
    by_face = office.logged(
        lie(content, DEVICES[said["device_key"]], said["order_id"], {"verdict": content["verdict"]})
    )
    assert office.faults([*honest, by_card, by_face], {"a"}) == [
        (Fault.NOT_ASKED_BY_DEVICE, by_card.where),
        (Fault.NOT_ASKED_BY_DEVICE, by_face.where),
    ]


def test_a_release_without_any_device_is_found(office: Office, honest: list[LoggedRelease]) -> None:
    contents = [office.content(office.card(ICHIRO), "b"), office.by_face("c")]
    bare = [office.logged({n: v for n, v in content.items() if n != "device_request"}) for content in contents]
    assert office.faults([*honest, *bare], {"a"}) == [(Fault.NO_DEVICE, release.where) for release in bare]


def test_one_device_key_cannot_stand_for_two_voters(office: Office, honest: list[LoggedRelease]) -> None:
    device = new_device()
    content = office.content(office.card(ICHIRO), "b", device=device)
    twice = [office.logged(content) for _ in range(2)]
    assert office.faults([*honest[:2], *twice], {"a", "b"}) == [], "the same voter's, after a lost answer, say"
    of_another = office.logged(office.content(office.card(MOVED), "c", match=BY_OFFICER, device=device))
    assert office.faults([*honest[:2], *twice, of_another], {"a"}) == [(Fault.DEVICE_TWICE, of_another.where)]


def test_evidence_of_another_election_is_found(office: Office, honest: list[LoggedRelease]) -> None:
    other = office.content(office.card(ICHIRO), "b", "5yP2vbZnkbxpPG")
    moved = office.logged({**other, "election_uuid": UUID})
    assert office.faults([*honest, moved], {"a"}) == [(Fault.OTHER_ELECTION, moved.where)]


def test_a_certificate_of_nobody_we_trust_or_out_of_its_time_is_found(
    office: Office, honest: list[LoggedRelease]
) -> None:
    foreign = replace(office, authority=TestAuthority(utc_now, secrets.token_bytes))
    forged = office.logged(foreign.content(foreign.card(ICHIRO), "b"))
    ended = office.card(ICHIRO, valid_from=utc_now() - timedelta(days=9), lifetime=timedelta(days=1))
    expired = office.logged(office.content(ended, "b"))
    faults = office.faults([*honest, forged, expired], {"a", "b"})
    assert faults == [(Fault.CERTIFICATE_REFUSED, forged.where), (Fault.CERTIFICATE_REFUSED, expired.where)]


def test_one_persons_signature_cannot_stand_for_two_credentials(office: Office, honest: list[LoggedRelease]) -> None:
    second = office.logged(office.content(office.card(HANAKO), "c"))
    assert office.faults([*honest, second], {"a", "b"}) == [(Fault.TWO_CREDENTIALS, second.where)]


def test_one_credential_cannot_be_two_persons(office: Office, honest: list[LoggedRelease]) -> None:
    second = office.logged(office.content(office.card(ICHIRO), "a"))
    assert office.faults([*honest, second], {"a", "b"}) == [(Fault.TWO_PERSONS, second.where)]


def pair_of(content: dict[str, Any]) -> CardPair:
    user, signature = (
        sha256(base64.b64decode(content[f"{kind}_certificate"])).hexdigest() for kind in ("user", "signature")
    )
    return CardPair(user, signature)


def change(before: CardPair, after: CardPair) -> CardChange:
    now = datetime(2026, 11, 24, tzinfo=UTC)
    return CardChange(before, after, {before.signature: Ended.REVOKED}, now, None, None, None)


def test_a_renewed_card_of_one_person_is_no_fault_and_is_pointed_out(
    office: Office, honest: list[LoggedRelease]
) -> None:
    old, new = office.content(office.card(ICHIRO), "b"), office.card(ICHIRO)
    pair = pair_of(office.content(new, "b"))
    renewed = office.logged(office.content(new, "b", changes=[change(pair_of(old), pair)]))
    releases = [*honest[:2], office.logged(old), renewed]
    assert office.faults(releases, {"a", "b"}) == []
    assert office.remarks(releases) == {Remark.CARD_REPLACED: [renewed.where]}
    assert office.faults(releases[::-1], {"a", "b"}) == [], "the order of the log is not the vault's"


def test_a_card_that_no_change_explains_is_found(office: Office, honest: list[LoggedRelease]) -> None:
    other = office.logged(office.content(office.card(HANAKO), "a"))
    faults = office.faults([*honest, other], {"a", "b"})
    assert {fault for fault, _ in faults} == {Fault.CARD_UNRECORDED} and (Fault.CARD_UNRECORDED, other.where) in faults


def test_a_person_who_moved_is_one_person_and_is_pointed_out(office: Office, honest: list[LoggedRelease]) -> None:
    old, new = office.content(office.card(HANAKO), "a"), office.card(MOVED)
    changes = [change(pair_of(old), pair_of(office.content(new, "a")))]
    moved = office.logged(office.content(new, "a", match=BY_OFFICER, changes=changes))
    assert office.remarks([office.logged(old), moved]) == {
        Remark.OFFICER: [moved.where],
        Remark.CARD_REPLACED: [moved.where],
        Remark.ATTRIBUTES_DIFFER: [moved.where],
    }


@pytest.mark.parametrize(
    "other",
    [
        replace(HANAKO, name="鈴木花子", address="土浦市中央1-1"),
        replace(HANAKO, birth_date="1980-02-28"),
        replace(HANAKO, sex="1"),
    ],
)
def test_an_officers_word_does_not_make_two_persons_one(
    office: Office, honest: list[LoggedRelease], other: Person
) -> None:
    card = office.card(other)
    changes = [change(pair_of(office.content(office.card(HANAKO), "a")), pair_of(office.content(card, "a")))]
    planted = office.logged(office.content(card, "a", match=BY_OFFICER, changes=changes))
    assert (Fault.TWO_PERSONS, planted.where) in office.faults([*honest, planted], {"a", "b"})


def test_folded_and_approved_matches_are_listed_apart(office: Office, honest: list[LoggedRelease]) -> None:
    folded = office.logged(office.content(office.card(ICHIRO), "b", match=MatchRecord(Likeness.FOLDED)))
    approved = office.logged(office.content(office.card(MOVED), "c", match=BY_OFFICER))
    found = office.remarks([honest[0], folded, approved])
    assert found == {Remark.FOLDED: [folded.where], Remark.OFFICER: [approved.where]}


def test_another_spelling_of_a_person_cannot_stand_for_a_second_credential(
    office: Office, honest: list[LoggedRelease]
) -> None:
    respelled = replace(HANAKO, address="茨城県つくば市研究学園1-1-1")
    second = office.logged(office.content(office.card(respelled), "c"))
    assert office.faults([*honest, second], {"a", "b"}) == [(Fault.TWO_CREDENTIALS, second.where)]
    approved = office.logged(office.content(office.card(respelled), "c", match=BY_OFFICER))
    assert office.faults([*honest, approved], {"a", "b"}) == [], "an officer told two such voters apart"


def test_one_card_cannot_stand_for_two_credentials_on_an_officers_word(
    office: Office, honest: list[LoggedRelease]
) -> None:
    card = office.card(MOVED)
    approved = [office.logged(office.content(card, credential, match=BY_OFFICER)) for credential in ("c", "d")]
    assert office.faults([*honest, *approved], {"a", "b"}) == [(Fault.TWO_CREDENTIALS, approved[1].where)]


def test_evidence_of_before_matches_were_told_is_read_as_ever(office: Office, honest: list[LoggedRelease]) -> None:
    content = office.content(office.card(ICHIRO), "b")
    old = office.logged({name: content[name] for name in content.keys() - {"match", "card_changes"}})
    assert office.remarks([honest[0], old]) == {}


def test_evidence_that_is_not_what_the_log_names_is_found(office: Office, honest: list[LoggedRelease]) -> None:
    swapped = replace(honest[2], where="1:1", evidence_sha256="f" * 64)
    repeated = replace(honest[0], where="1:2")
    sealed = SealedBox(PrivateKey.generate().public_key).encrypt(b"{}")
    unreadable = LoggedRelease("1:3", sha256(sealed).hexdigest(), sealed)
    assert office.faults([*honest, swapped, repeated, unreadable], {"a", "b"}) == [
        (Fault.NOT_THE_LOGGED_EVIDENCE, "1:1"),
        (Fault.EVIDENCE_TWICE, "1:2"),
        (Fault.SEALED_TO_ANOTHER, "1:3"),
    ]


def test_a_key_that_opens_no_evidence_is_told_as_that(office: Office, honest: list[LoggedRelease]) -> None:
    """Forty mismatches would tell the auditor of forty releases, where one file was the wrong one."""
    with pytest.raises(KeyOpensNone, match="一つも開けません") as refused:
        audit_releases(UUID, {"a", "b"}, honest, PrivateKey.generate(), office.trusted)
    assert (refused.value.sealed, refused.value.exit_status) == (len(honest), 2)


def test_releases_by_card_and_by_face_are_counted_and_a_voter_may_have_both(
    office: Office, honest: list[LoggedRelease]
) -> None:
    releases = [*honest, office.logged(office.by_face("a")), office.logged(office.by_face("c"))]
    report = office.report(releases, {"a", "b", "c"})
    assert report.findings == []
    assert (report.by_card, report.by_face, report.evidenced) == (3, 2, 3)
    assert office.report(releases[::-1], {"a", "b", "c"}).findings == []


def _verdict(credential: str, **changes: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def forge(content: dict[str, Any]) -> dict[str, Any]:
        verdict = verdict_on(credential, **changes)
        return {**content, "verdict": verdict, "device_request": asked_by_face(verdict)}

    return forge


def _factor(**changes: object) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda content: {**content, "second_factor": {**content["second_factor"], **changes}}


@pytest.mark.parametrize(
    ("forge", "fault"),
    [
        (_verdict("c", key=Ed25519PrivateKey.generate()), Fault.SIGNATURE_WRONG),
        (_changed("verdict", "{}"), Fault.EVIDENCE_MALFORMED),
        (_verdict("b"), Fault.VERDICT_OF_ANOTHER),
        (_verdict("c", election_uuid="5yP2vbZnkbxpPG"), Fault.OTHER_ELECTION),
        (_changed("election_uuid", "5yP2vbZnkbxpPG"), Fault.OTHER_ELECTION),
        (_verdict("c", expires_at=utc_now() - timedelta(seconds=30)), Fault.VERDICT_EXPIRED),
        (_changed("second_factor", None), Fault.NO_SECOND_FACTOR),
        (lambda content: {n: v for n, v in content.items() if n != "second_factor"}, Fault.NO_SECOND_FACTOR),
        (_factor(proven_at=rfc3339(utc_now() + timedelta(hours=1))), Fault.NO_SECOND_FACTOR),
        (_factor(proven_at=rfc3339(utc_now() - timedelta(hours=1))), Fault.NO_SECOND_FACTOR),
        (_factor(issued_at=rfc3339(utc_now() + timedelta(hours=1))), Fault.NO_SECOND_FACTOR),
        (_factor(kind="none"), Fault.EVIDENCE_MALFORMED),
        (_changed("method", "card"), Fault.EVIDENCE_MALFORMED),
        (_changed("method", "phone"), Fault.EVIDENCE_MALFORMED),
        (_changed("method", 7), Fault.EVIDENCE_MALFORMED),
        (_changed("released_at", "2026-11-24T00:00:00"), Fault.EVIDENCE_MALFORMED),
    ],
)
def test_a_planted_release_by_face_is_found(
    office: Office, honest: list[LoggedRelease], forge: Callable[[dict[str, Any]], object], fault: Fault
) -> None:
    planted = office.logged(forge(office.by_face("c")))
    assert office.faults([*honest, planted], {"a", "b", "c"}) == [
        (fault, planted.where),
        (Fault.VOTED_UNRELEASED, "c"),
    ]


def test_one_verdict_cannot_stand_for_two_credentials(office: Office, honest: list[LoggedRelease]) -> None:
    verdict = verdict_on("c")
    first = office.logged(office.by_face("c", verdict))
    second = office.logged({**office.by_face("c", verdict), "credential": "d"})
    assert office.faults([*honest, first, second], {"a", "c", "d"}) == [
        (Fault.VERDICT_TWICE, second.where),
        (Fault.VOTED_UNRELEASED, "d"),
    ]


def test_two_verdicts_on_one_voter_cannot_stand_for_two_credentials(
    office: Office, honest: list[LoggedRelease]
) -> None:
    first = office.logged(office.by_face("c"))
    second = office.logged({**office.by_face("c"), "credential": "d"})
    assert office.faults([*honest, first, second], {"a"}) == [(Fault.TWO_CREDENTIALS, second.where)]
    of_the_card = office.logged({**office.by_face("a"), "credential": "d"})
    assert office.faults([*honest, of_the_card], {"a"}) == [(Fault.TWO_CREDENTIALS, of_the_card.where)]


def test_a_strangers_face_cannot_stand_for_a_voter_who_came_by_card(
    office: Office, honest: list[LoggedRelease]
) -> None:
    planted = office.logged({**office.by_face("stranger"), "credential": "a"})
    assert office.faults([*honest, planted], {"a"}) == [(Fault.TWO_PERSONS, planted.where)]


def test_a_verdict_repeated_for_the_same_credential_is_pointed_out(office: Office) -> None:
    verdict = verdict_on("c")
    releases = [office.logged(office.by_face("c", verdict)) for _ in range(2)]
    assert office.faults(releases, {"c"}) == []
    assert office.remarks(releases) == {Remark.VERDICT_REPEATED: [releases[1].where]}


def test_what_rests_on_an_officers_word_is_listed_apart(office: Office) -> None:
    enrolments = [
        Enrolment("0" * 32, utc_now(), ByCard()),
        Enrolment("1" * 32, utc_now(), ByOfficer("佐藤", "窓口で確認")),
    ]
    by_card = office.logged(office.by_face("a", enrolments=enrolments[:1]))
    by_officer = office.logged(office.by_face("b", enrolments=enrolments))
    reissued = office.logged(office.by_face("c", origin=CodeOrigin.OFFICER))
    assert office.remarks([by_card, by_officer, reissued]) == {
        Remark.FACE_BY_OFFICER: [by_officer.where],
        Remark.CODE_BY_OFFICER: [reissued.where],
    }


def test_without_biometrics_key_no_release_by_face_is_taken_for_good(office: Office) -> None:
    release = office.logged(office.by_face("a"))
    trusted = replace(office.trusted, biometric=())
    report = audit_releases(UUID, set(), [release], office.auditor, trusted)
    assert [(finding.fault, finding.where) for finding in report.findings] == [(Fault.NO_BIOMETRIC_KEY, release.where)]


def test_a_verdict_holds_by_the_key_of_before_or_by_the_one_that_took_its_place(
    office: Office,
) -> None:
    anew = Ed25519PrivateKey.generate()
    before = office.logged(office.by_face("a"))
    after = office.logged(office.by_face("b", verdict_on("b", key=anew)))

    def faults(*keys: Ed25519PrivateKey) -> list[Any]:
        trusted = replace(office.trusted, biometric=tuple(key.public_key() for key in keys))
        report = audit_releases(UUID, set(), [before, after], office.auditor, trusted)
        return [(finding.fault, finding.where) for finding in report.findings]

    assert faults(BIOMETRIC, anew) == faults(anew, BIOMETRIC) == []
    assert faults(BIOMETRIC) == [(Fault.SIGNATURE_WRONG, after.where)]
    assert faults(anew) == [(Fault.SIGNATURE_WRONG, before.where)]


GOOD = '{"partition": 1, "offset": 2, "evidence_sha256": "00", "sealed": null}\n'


@pytest.mark.parametrize(
    "content",
    [
        b"",
        GOOD.encode(),
        (GOOD + '{"releases": 2}\n').encode(),
        ('{"releases": 0}\n' + GOOD).encode(),
        b'{"partition": 1}\n{"releases": 1}\n',
        b"\xff\n",
        b"[]\n",
        GOOD.replace("null", '"?"').encode() + b'{"releases": 1}\n',
    ],
)
def test_a_file_that_is_damaged_or_cut_off_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "releases.ndjson"
    path.write_bytes(content)
    with pytest.raises(ReleasesUnreadable):
        list(read_releases(path))


def test_releases_are_read_as_they_were_sent(tmp_path: Path) -> None:
    path = tmp_path / "releases.ndjson"
    path.write_text(GOOD + '{"releases": 1}\n')
    assert list(read_releases(path)) == [LoggedRelease("1:2", "00", None)]
