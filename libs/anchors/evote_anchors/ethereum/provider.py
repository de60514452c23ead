"""JSON-RPC over HTTP for web3, which fails in one way and within a given time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any, cast
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientResponseError, ClientSession, ClientTimeout
from web3.providers.async_base import AsyncJSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

_HTTP_TOO_MANY_REQUESTS = 429
_AT_ONCE = 8
_TOGETHER_AGAIN_S = 30
"""An endpoint that was well and took no batch may have been so for a moment: a gateway's error to one of them."""

_log = logging.getLogger(__name__)


class EndpointFailed(Exception):
    """An endpoint gave no answer that is one. Field: ``reason``, in which no part of its URL stands."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class _StatusOfError(EndpointFailed):
    """Field: ``status``, HTTP's."""

    def __init__(self, what: str, status: int) -> None:
        super().__init__(f"answers {what} with HTTP status {status}")
        self.status = status


class HttpProvider(AsyncJSONBaseProvider):
    """One endpoint.

    web3's own AsyncHTTPProvider isn't used: it tries again by itself, opens a connection for each call, and keeps
    its sessions behind a lock of the whole process that a cancelled call can leave locked for ever.
    """

    def __init__(self, url: str, *, timeout_s: float, clock: Callable[[], float]) -> None:
        """``clock`` gives seconds that never go back."""
        super().__init__()
        parts = urlsplit(url)
        self.name = parts.hostname or "?"
        """The host: many providers put an access token into the rest of the URL."""
        if parts.port is not None:
            self.name += f":{parts.port}"
        self._url = url
        self._timeout = ClientTimeout(total=timeout_s)
        self._session: ClientSession | None = None
        self._clock = clock
        self._is_apart, self._apart_until = False, float("-inf")

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One call; raises :class:`EndpointFailed`. An error that the node states is part of the answer."""
        response = await self._exchange(method, self.encode_rpc_request(method, params))
        return _checked(method, response)

    async def make_batch_request(self, batch_requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        """Several calls by one request, each with its answer as :meth:`make_request` gives it; in whatever order the
        node likes. An endpoint that is well and took no such request is asked one by one, for half a minute.
        """
        if self._clock() < self._apart_until:
            return await self._one_by_one(batch_requests)
        answers = await self._batch(batch_requests)
        if answers is None:
            answers = await self._one_by_one(batch_requests)
            # It is well, and did not take them together.
            if not self._is_apart:
                _log.warning("the Ethereum endpoint %s takes no calls together: they are asked one by one", self.name)
            self._is_apart, self._apart_until = True, self._clock() + _TOGETHER_AGAIN_S
        else:
            self._is_apart = False
        return answers

    async def _one_by_one(self, calls: Sequence[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        answers: list[RPCResponse] = []
        for at in range(0, len(calls), _AT_ONCE):
            answers += await asyncio.gather(*(self.make_request(*call) for call in calls[at : at + _AT_ONCE]))
        return answers

    async def _batch(self, calls: Sequence[tuple[RPCEndpoint, Any]]) -> list[RPCResponse] | None:
        """None: refused as a whole."""
        requests = [self.form_request(method, params) for method, params in calls]
        what = "a batch"
        try:
            responses = await self._exchange(what, self.encode_batch_request_dicts(requests))
        except _StatusOfError as error:
            if error.status == _HTTP_TOO_MANY_REQUESTS:
                raise
            return None
        if not isinstance(responses, list):
            _checked(what, responses)
            return None
        # JSON-RPC 2.0, section 6: the answers come in any order.
        by_id = {response["id"]: response for response in responses if _has_id(response)}
        if by_id.keys() != {request["id"] for request in requests}:
            # Such as geth's answer to a batch that is too large for it: a list of one error, with the first call's id.
            if any(map(_is_rate_limit, responses)):
                raise EndpointFailed("limits our calls")
            return None
        return [_checked(request["method"], by_id[request["id"]]) for request in requests]

    async def _exchange(self, what: str, body: bytes) -> Any:
        """The JSON that answers ``body``; raises :class:`EndpointFailed`."""
        try:
            return self.decode_rpc_response(await self._post(body))
        except ClientResponseError as error:
            raise _StatusOfError(what, error.status) from error
        except TimeoutError as error:
            raise EndpointFailed(f"did not answer {what} within {self._timeout.total:g} s") from error
        except (ClientError, OSError) as error:
            raise EndpointFailed(f"is not reachable ({type(error).__name__})") from error
        except ValueError as error:
            raise EndpointFailed(f"answers {what} with something that is not JSON") from error

    async def disconnect(self) -> None:
        """Close the connections; the next call opens new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _post(self, body: bytes) -> bytes:
        if self._session is None:
            self._session = ClientSession(raise_for_status=True, timeout=self._timeout)
        headers = {"Content-Type": "application/json"}
        async with self._session.post(self._url, data=body, headers=headers) as response:
            return await response.read()


def _has_id(response: Any) -> bool:
    return isinstance(response, dict) and isinstance(response.get("id"), int)


def _checked(what: str, response: Any) -> RPCResponse:
    if not isinstance(response, dict) or not response.keys() & {"result", "error"}:
        raise EndpointFailed(f"answers {what} with something that is not JSON-RPC")
    if _is_rate_limit(response):
        raise EndpointFailed("limits our calls")
    return cast(RPCResponse, response)


def _is_rate_limit(response: Any) -> bool:
    error = response.get("error") if isinstance(response, dict) else None
    return isinstance(error, dict) and error.get("code") == _HTTP_TOO_MANY_REQUESTS
