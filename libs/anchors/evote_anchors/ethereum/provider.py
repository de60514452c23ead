"""JSON-RPC over HTTP for web3, which fails in one way and within a given time."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientResponseError, ClientSession, ClientTimeout
from web3.providers.async_base import AsyncJSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

_HTTP_TOO_MANY_REQUESTS = 429


class EndpointFailed(Exception):
    """An endpoint gave no answer that is one. Field: ``reason``, in which no part of its URL stands."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HttpProvider(AsyncJSONBaseProvider):
    """One endpoint.

    web3's own AsyncHTTPProvider isn't used: it tries again by itself, opens a connection for each call, and keeps
    its sessions behind a lock of the whole process that a cancelled call can leave locked for ever.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        super().__init__()
        parts = urlsplit(url)
        self.name = parts.hostname or "?"
        """The host: many providers put an access token into the rest of the URL."""
        if parts.port is not None:
            self.name += f":{parts.port}"
        self._url = url
        self._timeout = ClientTimeout(total=timeout_s)
        self._session: ClientSession | None = None

    async def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """One call; raises :class:`EndpointFailed`. An error that the node states is part of the answer."""
        try:
            response = self.decode_rpc_response(await self._post(self.encode_rpc_request(method, params)))
        except ClientResponseError as error:
            raise EndpointFailed(f"answers {method} with HTTP status {error.status}") from error
        except TimeoutError as error:
            raise EndpointFailed(f"did not answer {method} within {self._timeout.total:g} s") from error
        except (ClientError, OSError) as error:
            raise EndpointFailed(f"is not reachable ({type(error).__name__})") from error
        except ValueError as error:
            raise EndpointFailed(f"answers {method} with something that is not JSON") from error
        if not isinstance(response, dict) or not response.keys() & {"result", "error"}:
            raise EndpointFailed(f"answers {method} with something that is not JSON-RPC")
        if _is_rate_limit(response):
            raise EndpointFailed("limits our calls")
        return response

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


def _is_rate_limit(response: RPCResponse) -> bool:
    error = response.get("error")
    return isinstance(error, dict) and error.get("code") == _HTTP_TOO_MANY_REQUESTS
