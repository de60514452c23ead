"""What a person's program signs: a command, the second signature under it, and a request to read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from evote_statements.signed import Signer, claimed_statement, sign_statement

from .acts import Act
from .commands import AccessRequest, OfficerCommand

NONCE_BYTES = 16


@dataclass(frozen=True)
class Officer:
    """A person who can sign: their identifier on the deployment's roster, and their key."""

    deployment: str
    identifier: str
    key: Signer = field(repr=False)

    def command(
        self, act: Act, path: str, body: bytes, *, reason: str, now: datetime, random: Callable[[int], bytes]
    ) -> str:
        """A new command for one request, signed; ``path`` is percent-decoded."""
        return sign_statement(
            OfficerCommand(
                deployment=self.deployment,
                person=self.identifier,
                service=act.service,
                method=act.method,
                path=path,
                body_sha256=hashlib.sha256(body).hexdigest(),
                reason=reason,
                time=now,
                nonce=random(NONCE_BYTES).hex(),
            ),
            self.key,
        )

    def cosign(self, statement: str) -> str:
        """The same command under this person's name. Whoever calls this has shown it to them.

        Raises:
            StatementMalformed: it is no command.
        """
        command = claimed_statement(OfficerCommand, statement)
        return sign_statement(command.model_copy(update={"person": self.identifier}), self.key)

    def access(self, service: str, path: str, query: str, *, now: datetime, random: Callable[[int], bytes]) -> str:
        """A request to read, signed; ``path`` is percent-decoded, ``query`` as it stands in the address."""
        return sign_statement(
            AccessRequest(
                deployment=self.deployment,
                person=self.identifier,
                service=service,
                path=path,
                query=query,
                time=now,
                nonce=random(NONCE_BYTES).hex(),
            ),
            self.key,
        )
