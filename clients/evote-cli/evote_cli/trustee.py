"""What a trustee does with the key in the ceremony: four messages, and the confirmation. No network here.

All that others said is taken from the public log, as far as witnesses saw it, and only if they signed it. Every own
message is remembered before it is handed out, so a step that is repeated (a lost answer, a broken medium) gives the
same message again. What others said is remembered too: a log that shows another history later is found out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from evote_belenios import threshold
from evote_belenios.channel import TrusteeSecret
from evote_belenios.errors import BeleniosError
from evote_belenios.trustees import parse_trustees
from evote_ceremony.code import CeremonyCode, code_of
from evote_ceremony.messages import CEREMONY_STEPS, Ceremony, Step
from evote_ceremony.plan import NoSuchTrustee, NotATrustee, Plan, ceremony_digest
from evote_ceremony.setup import Setup
from evote_verify.reading.ceremony import ceremony_of, setup_in_log, texts_of
from evote_verify.reading.elections import LoggedElection
from evote_verify.ties import trustees

from .errors import (
    CeremonyDone,
    CeremonyRejected,
    CodeDiffers,
    ElectionGivenUp,
    KeyNotInCertificate,
    KeyWasRenewed,
    NothingToDo,
    NotThisTrustee,
    OwnMessageDiffers,
    PolicyDiffers,
    PolynomialLost,
    RecordLost,
)
from .keyfile import CeremonyRecord, Randomness, RecordKeeper, identity_of
from .log_view import LogView, check_seen
from .message import CONFIRMATION, STEP_NAMES, Message

STEPS: tuple[str, ...] = (*CEREMONY_STEPS, CONFIRMATION)


class Person(Protocol):
    """The trustee at the keyboard."""

    def hear(self, plan: Plan, trustee: int, code: CeremonyCode) -> CeremonyCode:
        """The code as the other trustees read it out; of ``code``, the own one, only the own part is shown."""

    def approve(self, plan: Plan, roll_size: int, setup: Setup) -> None:
        """Look at what the election will open with; raises ``NotApproved``."""


@dataclass(frozen=True)
class SeenCeremony:
    """One election's ceremony in the log, and whose eyes see it."""

    plan: Plan
    trustee: int
    logged: LoggedElection

    @property
    def ceremony(self) -> Ceremony:
        """What statements are about."""
        return ceremony_of(self.plan, self.logged)

    def texts(self, step: Step) -> tuple[str, ...]:
        """Everybody's messages of a step, in the trustees' order, without the missing ones."""
        return texts_of(self.plan, self.logged, step)

    def own(self, step: str) -> str | None:
        """The own message of a step, as it stands in the log."""
        if step == CONFIRMATION:
            confirmed = self.logged.confirmations.get(self.trustee)
            return None if confirmed is None else confirmed.event.statement
        said = self.logged.ceremony[Step(step)].get(self.trustee)
        return None if said is None else said.event.text

    def missing(self, step: str) -> list[int]:
        """The trustees whose message of a step is not in the log."""
        said: Mapping[int, object] = (
            self.logged.confirmations if step == CONFIRMATION else self.logged.ceremony[Step(step)]
        )
        return [number for number in self.plan.numbers if number not in said]


def see_ceremony(secret: TrusteeSecret, view: LogView, election_uuid: str) -> SeenCeremony:
    """Find the election in the log, and the own place in it.

    Raises:
        NothingToDo: its draft isn't in the log yet.
        ElectionGivenUp: the officers have abandoned it.
        KeyWasRenewed: officers put another key in the place of this one.
        NotThisTrustee: the draft names another key.
        KeyNotInCertificate: the certificate under this trustee's name has other keys.
        CeremonyRejected: something under a trustee's name isn't theirs.
    """
    logged = view.witnessed.elections.by_uuid.get(election_uuid)
    if logged is None or logged.drafted is None:
        raise NothingToDo(f"選挙 {election_uuid} の起案が、公開ログにまだありません。少し待ってやり直してください")
    if logged.abandoned is not None:
        raise ElectionGivenUp(election_uuid)
    try:
        plan = logged.plan
    except NoSuchTrustee as error:
        raise CeremonyRejected(f"起案にいない立会人 {error.trustee} の鍵が交替されています") from error
    assert plan is not None, "it was drafted"  # noqa: S101
    try:
        trustee = plan.number_of(identity_of(secret).public_key())
    except NotATrustee as error:
        if (was := _was_trustee(logged, error.key)) is not None:
            raise KeyWasRenewed(was, plan.trustees[was - 1].key) from error
        raise NotThisTrustee(error.key) from error
    if faults := list(trustees.faults_of(logged)):
        raise CeremonyRejected("; ".join(faults))
    seen = SeenCeremony(plan, trustee, logged)
    certificate = seen.own(Step.CERTIFICATE)
    if certificate is not None and not threshold.is_certificate_of(secret, certificate, plan.group):
        raise KeyNotInCertificate(trustee)
    return seen


def _was_trustee(logged: LoggedElection, key: str) -> int | None:
    """The trustee whose key this was before a renewal."""
    earlier = [] if logged.drafted is None else list(enumerate(logged.drafted.event.plan.trustees, 1))
    lines = [(number, trustee.key) for number, trustee in earlier]
    lines += [(renewal.event.trustee, renewal.event.key) for renewal in logged.renewals]
    return next((number for number, line in lines if line == key), None)


def still_counting(secret: TrusteeSecret, record: CeremonyRecord, seen: SeenCeremony) -> CeremonyRecord:
    """The record without what a renewed key has taken the ground from.

    Before the own commitment is in the log nothing was said that builds on certificates: what was made with those of
    before is thrown away, and the code is compared anew, so that nobody is shut out by another one's renewal. From the
    commitment on a certificate that has changed is a contradiction, as ever.
    """
    if not seen.logged.renewals or seen.own(Step.COMMITMENT) is not None:
        return record
    if record.certificates and record.certificates != seen.texts(Step.CERTIFICATE):
        record = replace(record, ceremony_sha256=None, certificates=(), polynomial=None)
    own = record.certificate
    if own is not None and not threshold.is_certificate_of(secret, own, seen.plan.group):
        # The record lay beside the key file of before.
        record = replace(record, certificate=None)
    return record


def next_step(seen: SeenCeremony) -> str:
    """The step that this trustee has to do now.

    Raises:
        NothingToDo: it is the others' turn.
        CeremonyDone: everything is done.
    """
    previous: str | None = None
    for step in STEPS:
        if previous is not None and (missing := seen.missing(previous)):
            numbers = ", ".join(str(number) for number in missing)
            raise NothingToDo(f"他の立会人の{STEP_NAMES[previous]}を待っています（番号 {numbers}）")
        if seen.own(step) is None:
            return step
        previous = step
    raise CeremonyDone


def ceremony_code(secret: TrusteeSecret, view: LogView, election_uuid: str) -> CeremonyCode:
    """The whole code of the ceremony that this trustee sees, for reading it to others.

    Raises:
        NothingToDo: certificates are missing. Otherwise as :func:`see_ceremony`.
    """
    seen = see_ceremony(secret, view, election_uuid)
    if missing := seen.missing(Step.CERTIFICATE):
        raise NothingToDo(f"証明書が揃っていません（番号 {', '.join(str(number) for number in missing)}）")
    return code_of(ceremony_digest(seen.plan, seen.texts(Step.CERTIFICATE)))


def sign_step(
    secret: TrusteeSecret,
    keeper: RecordKeeper,
    view: LogView,
    election_uuid: str,
    person: Person,
    random: Randomness,
) -> Message:
    """Produce the message of the step that is next.

    Raises:
        NothingToDo: it is not this trustee's turn.
        NotThisTrustee: the draft names another key.
        LogRefused: the log isn't the continuation of what was seen before.
        PolicyDiffers: other witnesses than at the first step.
        CeremonyRejected: the ceremony contradicts the protocol, or what was seen before.
        RecordLost: messages of this trustee stand in the log, and their record is not here.
        PolynomialLost: this trustee committed to a polynomial that the record doesn't have.
        CodeDiffers: other trustees see another ceremony.
        NotApproved: the trustee doesn't confirm the final texts.
    """
    seen = see_ceremony(secret, view, election_uuid)
    record = keeper.find(election_uuid)
    if record is None:
        if any(seen.own(step) is not None for step in STEPS):
            raise RecordLost(keeper.path(election_uuid), election_uuid)
        record = CeremonyRecord(election_uuid, seen.trustee, view.policy)
    record = still_counting(secret, record, seen)
    check_record(record, seen, view, keeper)
    step = next_step(seen)
    _require_remembered(record, step, keeper)
    try:
        record, text, statement = _STEPS[step](_Work(secret, record, seen, person, random))
    except BeleniosError as error:
        raise CeremonyRejected(f"{error.rule}: {error.detail}") from error
    keeper.save(replace(record, seen=view.seen))
    return Message(election_uuid, seen.trustee, step, text, statement)


def check_record(record: CeremonyRecord, seen: SeenCeremony, view: LogView, keeper: RecordKeeper) -> None:
    """Refuse a ceremony that isn't the continuation of what the record remembers.

    Raises:
        PolicyDiffers, LogRefused, OwnMessageDiffers, CeremonyRejected.
    """
    if record.witness_policy != view.policy:
        raise PolicyDiffers(keeper.path(record.election_uuid))
    check_seen(record, view)
    _check_history(record, seen, keeper.path(record.election_uuid))


def _require_remembered(record: CeremonyRecord, step: str, keeper: RecordKeeper) -> None:
    """Refuse to go on with an old copy of the record: it lacks what this trustee did since."""
    path = keeper.path(record.election_uuid)
    if step == Step.POLYNOMIAL and record.polynomial is None:
        raise PolynomialLost(path)
    if (step == Step.VOUTPUT and not record.commitments) or (step == CONFIRMATION and record.voutput is None):
        raise RecordLost(path, record.election_uuid)


def _check_history(record: CeremonyRecord, seen: SeenCeremony, path: Path) -> None:
    if record.trustee != seen.trustee:
        raise CeremonyRejected(f"あなたの番号が {record.trustee} から {seen.trustee} に変わっています")
    expected = {
        Step.CERTIFICATE: record.certificate,
        Step.COMMITMENT: None if record.polynomial is None else _sha256(record.polynomial),
        Step.POLYNOMIAL: record.polynomial,
        Step.VOUTPUT: record.voutput,
        CONFIRMATION: record.confirmation,
    }
    for step, remembered in expected.items():
        logged = seen.own(step)
        if remembered is not None and logged is not None and logged != remembered:
            # Its signature was checked: it isn't the service that put it there.
            raise OwnMessageDiffers(STEP_NAMES[step], path)
    if record.certificates and record.certificates != seen.texts(Step.CERTIFICATE):
        raise CeremonyRejected("証明書が、多項式を作ったときから変わっています")
    if record.ceremony_sha256 and record.ceremony_sha256 != ceremony_digest(seen.plan, record.certificates):
        raise CeremonyRejected("選挙の内容が、照合したときから変わっています")
    if record.commitments and record.commitments != seen.texts(Step.COMMITMENT):
        raise CeremonyRejected("コミットメントが、多項式を公開したときから変わっています")


@dataclass(frozen=True)
class _Work:
    """What a step works with."""

    secret: TrusteeSecret
    record: CeremonyRecord
    seen: SeenCeremony
    person: Person
    random: Randomness

    def signed(self, record: CeremonyRecord, step: Step, text: str) -> tuple[CeremonyRecord, str, str]:
        """A message, signed, with the record as it is after it."""
        seen = self.seen
        return record, text, seen.ceremony.sign_message(identity_of(self.secret), seen.trustee, step, text)


def _certificate(work: _Work) -> tuple[CeremonyRecord, str, str]:
    record, plan = work.record, work.seen.plan
    text = record.certificate or threshold.certificate(
        work.secret,
        plan.group,
        index=work.seen.trustee,
        threshold=plan.threshold,
        size=len(plan.trustees),
        random=work.random,
    )
    return work.signed(replace(record, certificate=text), Step.CERTIFICATE, text)


def _commitment(work: _Work) -> tuple[CeremonyRecord, str, str]:
    record, seen = work.record, work.seen
    if record.polynomial is None:
        certificates = seen.texts(Step.CERTIFICATE)
        digest = ceremony_digest(seen.plan, certificates)
        code = code_of(digest)
        # Before anything depends on the others' certificates: they may be strangers' that only this trustee is shown.
        if work.person.hear(seen.plan, seen.trustee, code) != code:
            raise CodeDiffers
        text = threshold.polynomial(work.secret, seen.plan.group, certificates, seen.plan.threshold, work.random)
        record = replace(record, ceremony_sha256=digest, certificates=certificates, polynomial=text)
    return work.signed(record, Step.COMMITMENT, threshold.commitment(str(record.polynomial)))


def _polynomial(work: _Work) -> tuple[CeremonyRecord, str, str]:
    record = replace(work.record, commitments=work.seen.texts(Step.COMMITMENT))
    return work.signed(record, Step.POLYNOMIAL, str(record.polynomial))


def _voutput(work: _Work) -> tuple[CeremonyRecord, str, str]:
    record, seen = work.record, work.seen
    text = record.voutput or threshold.committed_voutput(
        work.secret,
        seen.plan.group,
        record.certificates,
        seen.plan.threshold,
        seen.texts(Step.POLYNOMIAL),
        record.commitments,
        work.random,
    )
    return work.signed(replace(record, voutput=text), Step.VOUTPUT, text)


def _confirmation(work: _Work) -> tuple[CeremonyRecord, str, str]:
    record, seen = work.record, work.seen
    roll = seen.logged.roll
    if roll is None:
        raise NothingToDo("選挙の確定を待っています")
    setup = setup_in_log(seen.plan, seen.logged, roll.event.credentials_sha256)
    if seen.logged.credentials_text(setup.credentials_sha256) is None:
        raise NothingToDo("公開された資格情報の一覧が、公開ログにまだ揃っていません")
    _check_own_key(work.secret, seen, str(record.voutput), setup)
    work.person.approve(seen.plan, roll.event.roll_size, setup)
    statement = seen.ceremony.sign_setup(identity_of(work.secret), seen.trustee, setup)
    return replace(record, confirmation=statement), "", statement


def _check_own_key(secret: TrusteeSecret, seen: SeenCeremony, voutput: str, setup: Setup) -> None:
    group = seen.plan.group
    key = threshold.decryption_key_from(secret, group, threshold.encrypted_decryption_key(voutput, group))
    if parse_trustees(setup.trustees_json, group).index_of(key) != seen.trustee:
        raise CeremonyRejected("最終の trustees.json に、あなたの検証鍵がありません")


_STEPS: dict[str, Callable[[_Work], tuple[CeremonyRecord, str, str]]] = {
    Step.CERTIFICATE: _certificate,
    Step.COMMITMENT: _commitment,
    Step.POLYNOMIAL: _polynomial,
    Step.VOUTPUT: _voutput,
    CONFIRMATION: _confirmation,
}


def _sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()
