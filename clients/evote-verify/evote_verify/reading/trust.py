"""Whose log it is: by the key that an auditor gives, by the policy's, or by no more than the log's own word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from evote_tlog.checkpoint import VerifierKey
from evote_tlog.errors import MalformedNote
from evote_tlog.policy import Policy

from ..findings import Unusable
from .sources import LOG_KEY, LogSource, NotServed

_TAKEN: Final = "the key was TAKEN FROM THE LOG ITSELF: this shows that it is one log, not whose; give --log-key"


@dataclass(frozen=True)
class LogTrust:
    """The key of the log, and the policy by which its checkpoints are trusted."""

    key: VerifierKey
    origin_of_key: str
    """Where the key comes from, for the report."""
    policy: Policy | None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Nobody but the log said so."""
        return (self.origin_of_key,) if self.origin_of_key == _TAKEN else ()


def log_trust(key: VerifierKey | None, policy: Policy | None, source: LogSource | None) -> LogTrust:
    """What an auditor trusts: the key that was given, that of the policy, or with neither what the log itself says.

    Raises:
        Unusable: the key and the policy don't agree, or there is no key.
        SourceUnavailable: the log was asked and did not answer.
    """
    if key is not None:
        if policy is not None and key.text not in {log.key.text for log in policy.logs}:
            raise Unusable(f"the policy does not trust the log key that was given ({key.name})")
        return LogTrust(key, "the key was given", policy)
    if policy is not None:
        if len(policy.logs) != 1:
            raise Unusable(f"the policy trusts {len(policy.logs)} logs: give --log-key to say which is meant")
        return LogTrust(policy.logs[0].key, "the key is the policy's", policy)
    if source is None:
        raise Unusable("without a log, its key must be given: --log-key")
    try:
        content = source.read(LOG_KEY)
    except NotServed:
        raise Unusable(f"{source.place} does not say its key: is it a log? give --log-key") from None
    return LogTrust(parse_log_key(content), _TAKEN, None)


def parse_log_key(content: bytes) -> VerifierKey:
    """Read a log's key (a C2SP verifier key); raises :class:`Unusable`."""
    try:
        return VerifierKey.parse(content.decode("utf-8", "replace").strip())
    except MalformedNote as error:
        raise Unusable(f"not a log's key: {error.reason}") from error
