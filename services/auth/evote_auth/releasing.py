"""A release, however the voter was authenticated: the order of its writes is the design.

The evidence is committed, then the events are durable, then the credential leaves, sealed to the device that asked.

- A crash before the events leaves evidence that no event names: nothing was released.
- A crash after the events leaves an evidenced release that nobody received: the voter comes again and gets the same
  credential, with evidence of its own.
- Nothing leaves a release without evidence.

Once the evidence is committed, the same request may be sent again until it got its answer, whether the log was away or
the answer was lost: it is released anew, with evidence of its own, sealed to the same device.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from evote_belenios.credentials import public_credential
from evote_belenios.groups import group_by_name
from evote_device.requests import Occasion
from evote_device.sealing import Contents, seal
from evote_eventlog.events import CredentialReleased, VoterAuthenticated
from evote_eventlog.producer import EventProducer
from nacl.public import PublicKey, SealedBox

from .keys.room import KeyRoom
from .metrics import ReleaseMetrics, Way
from .vault import Connection
from .vault.elections import KnownElection
from .vault.evidence import keep_evidence


@dataclass(frozen=True)
class Credential:
    """A voter's credential in one election."""

    private: str = field(repr=False)
    public: str


@dataclass(frozen=True)
class PreparedRelease:
    """A release whose evidence is in the caller's transaction, and whose events are not yet in the log."""

    authenticated: VoterAuthenticated
    evidence_sha256: str
    credential: Credential
    occasion: Occasion
    """Of the device that asked; the credential is sealed to its key."""


@dataclass(frozen=True)
class Releasing:
    """What every release needs."""

    producer: EventProducer
    keys: KeyRoom
    auditor_key: PublicKey
    metrics: ReleaseMetrics

    async def credential(self, election: KnownElection, voter_ref: str) -> Credential:
        """Derive a voter's credential; raises ``NoCredentialKey`` or ``KeyStoreUnavailable``."""
        group = group_by_name(election.group)
        (private,) = await self.keys.private_credentials(group, election.uuid, [voter_ref])
        return Credential(private, public_credential(private, election.uuid, group))

    async def prepare(
        self,
        connection: Connection,
        authenticated: VoterAuthenticated,
        credential: Credential,
        evidence: bytes,
        occasion: Occasion,
    ) -> PreparedRelease:
        """Seal the evidence to the auditor and keep it, in the transaction that uses up the voter's proof."""
        sealed = SealedBox(self.auditor_key).encrypt(evidence)
        digest = hashlib.sha256(sealed).hexdigest()
        await keep_evidence(connection, authenticated.election_uuid, authenticated.voter_ref, digest, sealed)
        return PreparedRelease(authenticated, digest, credential, occasion)

    async def publish(self, prepared: PreparedRelease, way: Way) -> str:
        """Make the events durable and return the private credential, sealed; the evidence must be committed.

        Raises ``LogUnavailable``: the credential stays here then. Both events may have landed, or neither; the same
        request may be sent again all the same, since the same voter can only get the same credential by it, with new
        evidence.
        """
        authenticated = prepared.authenticated
        released = CredentialReleased(
            election_uuid=authenticated.election_uuid,
            voter_ref=authenticated.voter_ref,
            evidence_sha256=prepared.evidence_sha256,
        )
        # A crash here leaves evidence that no event names: nothing was released, and the auditor counts nothing.
        await self.producer.publish_together([authenticated, released])
        self.metrics.released(way)
        # A crash here leaves an evidenced release that nobody received: the device asks again and gets the same.
        return seal(Contents.CREDENTIAL, prepared.credential.private, prepared.occasion)
