"""All that a replica derives from elections' keys: in a thread of its own, within a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from evote_belenios.groups import Group
from evote_platform.health import NotReady

from ..domain import credentials
from ..domain.credentials import CredentialKey
from ..domain.voting_codes import VotingCode
from .store import KeyStore, KeyStoreUnavailable

_PATIENCE_S = 4.0
"""How long a token may take: requests hold a connection to the database meanwhile."""
_AT_ONCE = 250
"""How many are derived before others get their turn: a whole roll takes a minute."""
T = TypeVar("T")
Item = TypeVar("Item")


class KeyRoom:
    """The way to the keys. One thread, since a token's session takes one caller at a time.

    What waits too long is given up. Every method may raise ``NoCredentialKey`` or ``KeyStoreUnavailable``.
    """

    def __init__(self, store: KeyStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="credential-keys")

    async def key_id(self, election_uuid: str) -> str:
        """What tells the election's key apart from another one; tells nothing about either."""
        return await self._ask(lambda: credentials.key_id(self._store.key_of(election_uuid)))

    async def private_credentials(self, group: Group, election_uuid: str, voter_refs: Sequence[str]) -> list[str]:
        """The private credentials of these voters, in their order."""
        return await self._each(
            election_uuid, voter_refs, lambda key, ref: credentials.private_credential(key, group, election_uuid, ref)
        )

    async def voting_code_digests(self, election_uuid: str, codes: Sequence[VotingCode]) -> list[str]:
        """What is kept of these voting codes, in their order."""
        return await self._each(
            election_uuid, codes, lambda key, code: credentials.voting_code_digest(key, election_uuid, code)
        )

    async def check(self) -> None:
        """For ``/statusz``."""
        try:
            await self._ask(self._store.check)
        except KeyStoreUnavailable as error:
            raise NotReady(str(error)) from error

    def close(self) -> None:
        """Log out as soon as the token answers."""
        self._thread.submit(self._store.close)
        self._thread.shutdown(wait=False)

    async def _each(
        self, election_uuid: str, items: Sequence[Item], derive: Callable[[CredentialKey, Item], str]
    ) -> list[str]:
        def some(start: int) -> list[str]:
            key = self._store.key_of(election_uuid)
            return [derive(key, item) for item in items[start : start + _AT_ONCE]]

        found: list[str] = []
        for start in range(0, len(items), _AT_ONCE):
            found += await self._ask(partial(some, start))
        return found

    async def _ask(self, work: Callable[[], T]) -> T:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except TimeoutError:
            raise KeyStoreUnavailable(f"no answer within {_PATIENCE_S:.0f} s") from None
