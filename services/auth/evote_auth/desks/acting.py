"""Carrying out an officer's act once, with what was signed for it as evidence: the order of the writes is the design.

The act and its sealed evidence are committed in one transaction, then the event is durable, then the answer goes. A
crash before the event leaves an act that the log doesn't name; the officer, without an answer, sends the command again,
which acts no second time and publishes the event.
"""

from __future__ import annotations

import hashlib

import rfc8785
from evote_eventlog.events import OfficersActed
from nacl.public import SealedBox

from ..domain.acts import Act
from ..service import AuthService
from ..vault import Connection
from ..vault.officers_acts import KeptAct, keep_act


async def begin(service: AuthService, connection: Connection, election_uuid: str, act: Act) -> KeptAct:
    """Write down what was signed, in the act's own transaction. Raises ``NonceUsed``."""
    evidence = rfc8785.dumps(
        {"election_uuid": election_uuid, "statements": list(act.command.statements), "body": act.command.body}
    )
    sealed = SealedBox(service.releasing.auditor_key).encrypt(evidence)
    return await keep_act(connection, election_uuid, act.command, hashlib.sha256(sealed).hexdigest(), sealed)


async def publish(service: AuthService, election_uuid: str, kept: KeptAct) -> None:
    """Name the act in the log, behind its transaction. One that is named twice is one act: the evidence is the same."""
    event = OfficersActed(election_uuid=election_uuid, evidence_sha256=kept.evidence_sha256)
    await service.releasing.producer.publish(event)
