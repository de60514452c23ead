"""Why the contract does not do what it was asked, with the facts in fields."""

from __future__ import annotations


class Refused(Exception):
    """The contract's own answer, which every honest peer gives alike. Fields: ``status`` and ``reason``.

    The status is the one that the endorsement carries: 400 malformed, 403 not the anchorer, 409 does not grow.
    Fabric takes everything from 400 up as a refusal.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class PeerFailed(Exception):
    """The peer could not read or write its state for us. Field: ``reason``, in the peer's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the peer answered: {reason}")
        self.reason = reason


class ProtocolBroken(Exception):
    """What answers is no peer, or another version of one. Fields: ``expected`` and ``received``."""

    def __init__(self, expected: str, received: str) -> None:
        super().__init__(f"expected {expected} from the peer, received {received}")
        self.expected = expected
        self.received = received


class SettingsInvalid(Exception):
    """The environment is not complete. Fields: ``variable`` and ``reason``."""

    def __init__(self, variable: str, reason: str) -> None:
        super().__init__(f"{variable} {reason}")
        self.variable = variable
        self.reason = reason
