"""A lost record of the ceremony, made again from the key and the witnessed log. No network here.

Everything in the record stands in the log by the time it is needed, but for the polynomial between commitment and
reveal, which nobody but the lost record knew. What the log can't give back is how far this trustee had seen it before,
and which tally was decrypted without being sent: that memory begins anew, and only a person may decide so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256

from evote_belenios.channel import TrusteeSecret
from evote_ceremony.messages import Step
from evote_ceremony.plan import ceremony_digest

from .errors import NothingLost, PolynomialLost
from .keyfile import CeremonyRecord, RecordKeeper
from .log_view import LogView
from .message import CONFIRMATION
from .trustee import STEPS, SeenCeremony, check_record, see_ceremony, still_counting


@dataclass(frozen=True)
class Restored:
    """A record as the log gives it back; it is not written yet."""

    record: CeremonyRecord
    seen: SeenCeremony


def restored_record(secret: TrusteeSecret, keeper: RecordKeeper, view: LogView, election_uuid: str) -> Restored:
    """Make the record of an election again; what an old copy of it remembers is kept, and held against the log.

    Raises:
        NothingLost: nothing of this trustee's stands in the log: the next step begins a record.
        PolynomialLost: this trustee committed to a polynomial, and neither record nor log has it.
        Otherwise as :func:`evote_cli.trustee.sign_step`.
    """
    seen = see_ceremony(secret, view, election_uuid)
    record = keeper.find(election_uuid) or CeremonyRecord(election_uuid, seen.trustee, view.policy)
    record = still_counting(secret, record, seen)
    check_record(record, seen, view, keeper)
    if all(seen.own(step) is None for step in STEPS):
        raise NothingLost(election_uuid)
    if seen.own(Step.COMMITMENT) is not None and record.polynomial is None and seen.own(Step.POLYNOMIAL) is None:
        raise PolynomialLost(keeper.path(election_uuid))
    return Restored(replace(_from_log(record, seen), seen=view.seen), seen)


def _from_log(record: CeremonyRecord, seen: SeenCeremony) -> CeremonyRecord:
    """What ``see_ceremony`` has checked: each own message is signed with this key."""
    record = replace(record, certificate=record.certificate or seen.own(Step.CERTIFICATE))
    if seen.own(Step.COMMITMENT) is not None and not record.certificates:
        # The own commitment's statement names the digest of these certificates: this trustee compared their code.
        certificates = seen.texts(Step.CERTIFICATE)
        record = replace(record, certificates=certificates, ceremony_sha256=ceremony_digest(seen.plan, certificates))
    if seen.own(Step.POLYNOMIAL) is not None and not record.commitments:
        # They stand in the log before the own reveal, or see_ceremony would have refused it.
        record = replace(record, polynomial=seen.own(Step.POLYNOMIAL), commitments=seen.texts(Step.COMMITMENT))
    return replace(
        record,
        voutput=record.voutput or seen.own(Step.VOUTPUT),
        confirmation=record.confirmation or seen.own(CONFIRMATION),
        decrypted_tally_sha256=record.decrypted_tally_sha256 or _decrypted_in_log(seen),
    )


def _decrypted_in_log(seen: SeenCeremony) -> str | None:
    """Of the tally that the own partial decryption in the log is of."""
    tally = seen.logged.tally
    if tally is None or seen.trustee not in seen.logged.decryptions:
        return None
    return sha256(tally.event.encrypted_tally.encode()).hexdigest()
