"""Several endpoints of one chain, of which at least one should work."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from web3 import AsyncWeb3
from web3.exceptions import Web3Exception

from ..errors import ChainUnavailable, WrongContract
from .calls import Web3
from .provider import EndpointFailed, HttpProvider

T = TypeVar("T")

_RECHECK_S = 30
_MAX_BEHIND_BLOCKS = 5

_log = logging.getLogger(__name__)


class _OtherChain(Exception):
    """Answers, and not of the chain or contract that was asked for."""


@dataclass(frozen=True, eq=False)
class _Endpoint:
    web3: Web3 = field(repr=False)

    @property
    def name(self) -> str:
        return self.web3.provider.name


class Endpoints:
    """Calls go to the first endpoint that is fit, and stay there until it fails.

    Fit is what answers, is of the right chain, is not synchronising and not more than five blocks behind the
    others. That is looked at before the first call, after a failure, and every half minute.
    """

    def __init__(
        self,
        urls: Sequence[str],
        chain_id: int,
        *,
        timeout_s: float,
        admit: Callable[[Web3], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        """``admit`` looks at an endpoint before it is used; it may raise :class:`WrongContract`.

        ``clock`` gives seconds that never go back.
        """
        self._endpoints = [
            _Endpoint(AsyncWeb3(HttpProvider(url, timeout_s=timeout_s, clock=clock), middleware=[], modules=None))
            for url in urls
        ]
        self._chain_id = chain_id
        self._admit = admit
        self._clock = clock
        self._chosen: _Endpoint | None = None
        self._choose_again_at = 0.0

    async def call(self, what: Callable[[Web3], Awaitable[T]]) -> T:
        """What a fit endpoint answers; the next is asked when one fails, each once.

        Raises:
            ChainUnavailable: none answered.
            WrongContract: all answered, and of another chain or contract.
            Web3Exception: a node answered with an error.
        """
        failures: dict[_Endpoint, Exception] = {}
        while True:
            endpoint = await self._choose(failures)
            try:
                return await what(endpoint.web3)
            except EndpointFailed as failed:
                _log.warning("the Ethereum endpoint %s %s", endpoint.name, failed.reason)
                failures[endpoint] = failed
                self._chosen = None

    async def close(self) -> None:
        """Close all connections."""
        for endpoint in self._endpoints:
            await endpoint.web3.provider.disconnect()

    async def _choose(self, failures: dict[_Endpoint, Exception]) -> _Endpoint:
        if self._chosen is not None and self._clock() < self._choose_again_at:
            return self._chosen
        heads = await self._probe(failures)
        if not heads:
            raise self._give_up(failures)
        fit = [endpoint for endpoint, head in heads.items() if head >= max(heads.values()) - _MAX_BEHIND_BLOCKS]
        if self._chosen not in fit:
            self._chosen = fit[0]
            _log.info("using the Ethereum endpoint %s", self._chosen.name)
        self._choose_again_at = self._clock() + _RECHECK_S
        return self._chosen

    async def _probe(self, failures: dict[_Endpoint, Exception]) -> dict[_Endpoint, int]:
        """Each fit endpoint's newest block, in the order of preference; all are asked at the same time."""
        asked = [endpoint for endpoint in self._endpoints if endpoint not in failures]
        answers = await asyncio.gather(*map(self._head_if_fit, asked), return_exceptions=True)
        heads = {}
        for endpoint, answer in zip(asked, answers, strict=True):
            if isinstance(answer, int):
                heads[endpoint] = answer
            elif isinstance(answer, EndpointFailed | _OtherChain | Web3Exception):
                failures[endpoint] = answer
                _log.warning("the Ethereum endpoint %s %s", endpoint.name, answer)
            else:
                raise answer
        return heads

    async def _head_if_fit(self, endpoint: _Endpoint) -> int:
        eth = endpoint.web3.eth
        chain_id = await eth.chain_id
        if chain_id != self._chain_id:
            raise _OtherChain(f"is of chain {chain_id}, not {self._chain_id}")
        if await eth.syncing:
            raise EndpointFailed("is still synchronising")
        try:
            await self._admit(endpoint.web3)
        except WrongContract as wrong:
            raise _OtherChain(f"has another contract: {wrong.reason}") from wrong
        return await eth.block_number

    def _give_up(self, failures: dict[_Endpoint, Exception]) -> ChainUnavailable | WrongContract:
        reasons = "; ".join(f"{endpoint.name} {failure}" for endpoint, failure in failures.items())
        if _all_of_another_chain(failures.values()):
            return WrongContract(f"no endpoint is of the chain and contract that are configured: {reasons}")
        return ChainUnavailable(f"no endpoint of chain {self._chain_id} works: {reasons or 'none is configured'}")


def _all_of_another_chain(failures: Collection[Exception]) -> bool:
    return bool(failures) and all(isinstance(failure, _OtherChain) for failure in failures)
