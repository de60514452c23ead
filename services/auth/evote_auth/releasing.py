"""A release, however the voter was authenticated: the order of its writes is the design.

The evidence is committed, then the events are durable, then the credential leaves.

- A crash before the events leaves evidence that no event names: nothing was released.
- A crash after the events leaves an evidenced release that nobody received: the voter comes again and gets the same
  credential, with evidence of its own.
- Nothing leaves a release without evidence.

When the log is away, the voter's proof is given back, so that the same request may be sent again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from evote_belenios.credentials import public_credential
from evote_belenios.groups import group_by_name
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import CredentialReleased, VoterAuthenticated
from evote_eventlog.producer import EventProducer
from nacl.public import PublicKey, SealedBox

from .keys.room import KeyRoom
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


@dataclass(frozen=True)
class Releasing:
    """What every release needs."""

    producer: EventProducer
    keys: KeyRoom
    auditor_key: PublicKey

    async def credential(self, election: KnownElection, voter_ref: str) -> Credential:
        """Derive a voter's credential; raises ``NoCredentialKey`` or ``KeyStoreUnavailable``."""
        group = group_by_name(election.group)
        (private,) = await self.keys.private_credentials(group, election.uuid, [voter_ref])
        return Credential(private, public_credential(private, election.uuid, group))

    async def prepare(
        self, connection: Connection, authenticated: VoterAuthenticated, credential: Credential, evidence: bytes
    ) -> PreparedRelease:
        """Seal the evidence to the auditor and keep it, in the transaction that uses up the voter's proof."""
        sealed = SealedBox(self.auditor_key).encrypt(evidence)
        digest = hashlib.sha256(sealed).hexdigest()
        await keep_evidence(connection, authenticated.election_uuid, authenticated.voter_ref, digest, sealed)
        return PreparedRelease(authenticated, digest, credential)

    async def publish(self, prepared: PreparedRelease, give_back: Callable[[], Awaitable[None]]) -> str:
        """Make the events durable and return the private credential; the evidence must be committed.

        Args:
            give_back: makes the voter's proof usable again; called when the log is away, before ``LogUnavailable`` is
                raised. The credential stays here then.
        """
        authenticated = prepared.authenticated
        released = CredentialReleased(
            election_uuid=authenticated.election_uuid,
            voter_ref=authenticated.voter_ref,
            evidence_sha256=prepared.evidence_sha256,
        )
        try:
            # A crash here leaves evidence that no event names: nothing was released, and the auditor counts nothing.
            await self.producer.publish(authenticated)
            # A crash here leaves a voter who is said to have come, and no release.
            await self.producer.publish(released)
            # A crash here leaves an evidenced release that nobody received: the voter comes again and gets the same.
        except LogUnavailable:
            # Either event may have landed. The proof is good again all the same: the same voter can only get the same
            # credential by it, with new evidence. A crash before this leaves it spent, and the voter brings a new one.
            await give_back()
            raise
        return prepared.credential.private
