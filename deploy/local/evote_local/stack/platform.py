"""What a referendum needs to know of a platform: the local stack is one, a deployment elsewhere another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from evote_jpki.authority import TestAuthority

from .chains import EthereumDevelopmentChain
from .identities import Identities
from .phone import PhoneStandIn
from .vouching import Vouching


class Addressed(Protocol):
    """A service, by where it is reached."""

    @property
    def url(self) -> str:
        """Without a trailing slash."""


class Platform(Protocol):
    """The services, who commands them, and who vouches for the log."""

    @property
    def auth(self) -> Addressed:
        """The authentication service."""

    @property
    def ballots(self) -> Sequence[Addressed]:
        """The replicas of the ballot service, or the one address of all."""

    @property
    def ledger_anchor(self) -> Addressed:
        """The public log."""

    @property
    def tally(self) -> Addressed:
        """The tally service."""

    @property
    def identities(self) -> Identities:
        """Keys and staff."""

    @property
    def authority(self) -> TestAuthority:
        """It issues the cards that auth takes."""

    @property
    def vouching(self) -> Vouching:
        """Witnesses and chain."""

    @property
    def phone(self) -> PhoneStandIn | None:
        """Of マイナアプリ's provider, where voters may come by it."""

    @property
    def chain(self) -> EthereumDevelopmentChain:
        """The chain."""
