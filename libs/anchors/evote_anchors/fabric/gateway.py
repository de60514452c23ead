"""The Gateway service of an organisation's peers (``gateway/gateway.proto``), several of them with failover."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.gateway import gateway_pb2, gateway_pb2_grpc
from fabric_protos.peer import events_pb2_grpc, transaction_pb2
from google.rpc import status_pb2

from ..errors import ChainUnavailable
from .errors import RefusedByContract
from .profile import PeerEndpoint
from .proposal import Author, Call

T = TypeVar("T")

_MAX_MESSAGE_BYTES = 100 * 1024 * 1024  # a peer's own limit: blocks of other chaincodes may be large
_OPTIONS = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    # Peers drop clients that ask more often than once a minute whether they are there.
    ("grpc.keepalive_time_ms", 90_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)
_STATUS_DETAILS = "grpc-status-details-bin"
_CONTRACT_ANSWER = re.compile(r"chaincode response (\d+), (.*)", re.DOTALL)
_CLIENT_ERRORS = range(400, 500)


@dataclass(frozen=True)
class Timeouts:
    """How long to wait.

    Args:
        call_s: for one peer's answer, in seconds.
        commit_s: for a transaction that was handed in to get into a block, in seconds.
    """

    call_s: float
    commit_s: float


DEFAULT_TIMEOUTS = Timeouts(call_s=10.0, commit_s=10.0)


@dataclass(frozen=True)
class Endorsed:
    """A transaction that the organisations have endorsed and its author has signed: it can be handed in, repeatedly."""

    transaction: str
    channel: str
    envelope: common_pb2.Envelope


class _Peer:
    """A lasting connection to one peer, opened when first used."""

    def __init__(self, endpoint: PeerEndpoint) -> None:
        self.address = endpoint.address
        self._endpoint = endpoint
        self._channel: grpc.aio.Channel | None = None

    @property
    def gateway(self) -> gateway_pb2_grpc.GatewayStub:
        return gateway_pb2_grpc.GatewayStub(self._open())

    @property
    def deliver(self) -> events_pb2_grpc.DeliverStub:
        return events_pb2_grpc.DeliverStub(self._open())

    async def close(self) -> None:
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    def _open(self) -> grpc.aio.Channel:
        if self._channel is None:
            options: list[tuple[str, int | str]] = list(_OPTIONS)
            if self._endpoint.tls_server_name is not None:
                options.append(("grpc.ssl_target_name_override", self._endpoint.tls_server_name))
            credentials = grpc.ssl_channel_credentials(self._endpoint.tls_ca)
            self._channel = grpc.aio.secure_channel(self.address, credentials, options=options)
        return self._channel


class Gateway:
    """The first peer that answers. All methods raise :class:`evote_anchors.errors.ChainUnavailable` when none does."""

    def __init__(self, peers: Sequence[PeerEndpoint], author: Author, timeouts: Timeouts) -> None:
        self._peers = [_Peer(endpoint) for endpoint in peers]
        self._author = author
        self._timeouts = timeouts
        self._current = 0

    async def close(self) -> None:
        """Close all connections."""
        for peer in self._peers:
            await peer.close()

    async def evaluate(self, call: Call) -> bytes:
        """Run a call on one peer and return what it answers; nothing gets onto the channel.

        Raises:
            RefusedByContract: the chaincode's own refusal.
        """
        signed = self._author.call(call)
        request = gateway_pb2.EvaluateRequest(
            transaction_id=signed.transaction, channel_id=call.channel, proposed_transaction=signed.proposal
        )

        async def ask(peer: _Peer) -> bytes:
            response = await peer.gateway.Evaluate(request, timeout=self._timeouts.call_s)
            payload: bytes = response.result.payload
            return payload

        return await self._on_a_peer(ask)

    async def endorse(self, call: Call) -> Endorsed:
        """Have a call endorsed by as many organisations as the channel's policy wants, and sign the result.

        Raises:
            RefusedByContract: the chaincode's own refusal, at any of them.
        """
        signed = self._author.call(call)
        request = gateway_pb2.EndorseRequest(
            transaction_id=signed.transaction, channel_id=call.channel, proposed_transaction=signed.proposal
        )

        async def ask(peer: _Peer) -> Endorsed:
            response = await peer.gateway.Endorse(request, timeout=self._timeouts.call_s)
            envelope = response.prepared_transaction
            envelope.signature = self._author.sign(envelope.payload)
            return Endorsed(signed.transaction, call.channel, envelope)

        return await self._on_a_peer(ask)

    async def submit(self, endorsed: Endorsed) -> None:
        """Hand a transaction in; returns when an orderer has taken it.

        Another peer is asked when one fails, though the first may have handed it in after all: of two transactions
        with one id, every peer takes the first and marks the second invalid.
        """
        request = gateway_pb2.SubmitRequest(
            transaction_id=endorsed.transaction, channel_id=endorsed.channel, prepared_transaction=endorsed.envelope
        )

        async def ask(peer: _Peer) -> None:
            await peer.gateway.Submit(request, timeout=self._timeouts.call_s)

        await self._on_a_peer(ask)

    async def commit_status(self, endorsed: Endorsed) -> str | None:
        """Wait until a transaction is in a block, and return its validation code; None: it isn't in time."""
        request = gateway_pb2.CommitStatusRequest(
            transaction_id=endorsed.transaction, channel_id=endorsed.channel, identity=self._author.creator
        ).SerializeToString()
        signed = gateway_pb2.SignedCommitStatusRequest(request=request, signature=self._author.sign(request))

        async def ask(peer: _Peer) -> str | None:
            try:
                response = await peer.gateway.CommitStatus(signed, timeout=self._timeouts.commit_s)
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                    return None
                raise
            name: str = transaction_pb2.TxValidationCode.Name(response.result)
            return name

        return await self._on_a_peer(ask)

    async def blocks(self, channel: str, first: int, last: int) -> list[common_pb2.Block]:
        """The blocks from first to last, inclusive, all from one peer (``Deliver`` in ``peer/events.proto``)."""

        async def ask(peer: _Peer) -> list[common_pb2.Block]:
            seek = self._author.seek(channel, first, last)
            responses = peer.deliver.Deliver(iter([seek]), timeout=self._timeouts.call_s)
            blocks = []
            async for response in responses:
                if response.WhichOneof("Type") == "block":
                    blocks.append(response.block)
                    continue
                if response.status != common_pb2.SUCCESS:
                    raise _PeerAnswered(f"no blocks: {common_pb2.Status.Name(response.status)}")
                return blocks
            raise _PeerAnswered("it ended the stream of blocks too early")

        return await self._on_a_peer(ask)

    def pass_over(self) -> None:
        """Ask the next peer first from now on."""
        self._current = (self._current + 1) % len(self._peers)

    async def _on_a_peer(self, ask: Callable[[_Peer], Awaitable[T]]) -> T:
        failures = []
        for _ in self._peers:
            peer = self._peers[self._current]
            try:
                return await ask(peer)
            except grpc.aio.AioRpcError as error:
                if (refusal := _refusal(error)) is not None:
                    raise refusal from error
                failures.append(f"{peer.address}: {error.code().name}: {_reasons(error)}")
            except _PeerAnswered as error:
                failures.append(f"{peer.address}: {error}")
            self.pass_over()
        raise ChainUnavailable("; ".join(failures))


class _PeerAnswered(Exception):
    """A peer's answer that helps nobody."""


def _refusal(error: grpc.aio.AioRpcError) -> RefusedByContract | None:
    answer = _CONTRACT_ANSWER.search(_reasons(error))
    # 500 is what a peer says of itself, too; another may be well.
    if answer is None or int(answer[1]) not in _CLIENT_ERRORS:
        return None
    return RefusedByContract(int(answer[1]), answer[2])


def _reasons(error: grpc.aio.AioRpcError) -> str:
    """The error's text and what each endorser said (``ErrorDetail`` in ``gateway/gateway.proto``)."""
    reasons = [error.details() or ""]
    for name, value in error.trailing_metadata() or ():
        if name == _STATUS_DETAILS:
            for packed in status_pb2.Status.FromString(value).details:
                detail = gateway_pb2.ErrorDetail()
                if packed.Unpack(detail):
                    reasons.append(f"{detail.msp_id} {detail.address}: {detail.message}")
    return "; ".join(reasons)
