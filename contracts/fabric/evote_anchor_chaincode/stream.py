"""The conversation with one peer: the chaincode side of Fabric's shim protocol (``chaincode_shim.proto``)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from fabric_protos.common import common_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import (
    chaincode_event_pb2,
    chaincode_pb2,
    chaincode_shim_pb2,
    proposal_pb2,
    proposal_response_pb2,
)
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage as Message

from .contract import AnchorContract
from .errors import PeerFailed, ProtocolBroken, Refused

_log = logging.getLogger(__name__)

Send = Callable[[Message], Awaitable[None]]

_OK = 200


class PeerStream:
    """One peer's stream: registers the chaincode, then runs each transaction that the peer sends as a task."""

    def __init__(self, contract: AnchorContract, chaincode_id: str, send: Send) -> None:
        """``chaincode_id`` is the package id that the peer gave at installation; ``send`` writes to the peer."""
        self._contract = contract
        self._chaincode_id = chaincode_id
        self._send_one = send
        self._sending = asyncio.Lock()  # gRPC takes one write at a time
        self._answers: dict[tuple[str, str], asyncio.Future[Message]] = {}

    async def serve(self, messages: AsyncIterator[Message]) -> None:
        """Answer until the peer ends the stream.

        Raises:
            ProtocolBroken: the other side is not a peer that takes this chaincode.
        """
        identity = chaincode_pb2.ChaincodeID(name=self._chaincode_id)
        await self._send(Message(type=Message.REGISTER, payload=identity.SerializeToString()))
        await _expect(messages, Message.REGISTERED)
        await _expect(messages, Message.READY)
        _log.info("a peer has taken chaincode %s", self._chaincode_id)
        running: set[asyncio.Task[None]] = set()
        try:
            async for message in messages:
                if message.type in (Message.TRANSACTION, Message.INIT):
                    task = asyncio.create_task(self._run(message))
                    running.add(task)
                    task.add_done_callback(running.discard)
                else:
                    await self._take(message)
        finally:
            for task in running:
                task.cancel()

    async def ask(self, question: Message) -> bytes:
        """Send a question about the state and wait for the peer's answer; a transaction has one at a time."""
        context = (question.channel_id, question.txid)
        answer = self._answers[context] = asyncio.get_running_loop().create_future()
        try:
            await self._send(question)
            answered = await answer
        finally:
            del self._answers[context]
        payload: bytes = answered.payload
        if answered.type != Message.RESPONSE:
            # Taken for a value, an error's text would stand in for the newest head.
            raise PeerFailed(payload.decode(errors="replace"))
        return payload

    async def _send(self, message: Message) -> None:
        async with self._sending:
            await self._send_one(message)

    async def _take(self, message: Message) -> None:
        if message.type == Message.KEEPALIVE:
            await self._send(message)
        elif (answer := self._answers.get((message.channel_id, message.txid))) is not None and not answer.done():
            answer.set_result(message)
        else:
            _log.warning("the peer answers a question that was not asked, in transaction %s", message.txid)

    async def _run(self, message: Message) -> None:
        try:
            completed = await self._complete(message)
        except Exception as error:  # without an answer the peer would wait for its whole execution timeout
            _log.exception("transaction %s failed", message.txid)
            completed = Message(
                type=Message.ERROR, payload=str(error).encode(), txid=message.txid, channel_id=message.channel_id
            )
        await self._send(completed)

    async def _complete(self, message: Message) -> Message:
        transaction = PeerTransaction(self, message)
        arguments = chaincode_pb2.ChaincodeInput.FromString(message.payload).args
        try:
            result = await self._contract.call(list(arguments), transaction)
            response = proposal_response_pb2.Response(status=_OK, payload=result)
        except Refused as refused:
            _log.info("refused with %d: %s", refused.status, refused.reason)
            response = proposal_response_pb2.Response(status=refused.status, message=refused.reason)
        return Message(
            type=Message.COMPLETED,
            payload=response.SerializeToString(),
            txid=message.txid,
            channel_id=message.channel_id,
            chaincode_event=transaction.event,
        )


class PeerTransaction:
    """A transaction's view of the peer (:class:`evote_anchor_chaincode.contract.Transaction`)."""

    def __init__(self, stream: PeerStream, message: Message) -> None:
        self._stream = stream
        self._message = message
        self.event: chaincode_event_pb2.ChaincodeEvent | None = None

    @property
    def creator_msp_id(self) -> str:
        proposal = proposal_pb2.Proposal.FromString(self._message.proposal.proposal_bytes)
        header = common_pb2.Header.FromString(proposal.header)
        creator = common_pb2.SignatureHeader.FromString(header.signature_header).creator
        msp_id: str = identities_pb2.SerializedIdentity.FromString(creator).mspid
        return msp_id

    async def get_state(self, key: str) -> bytes:
        return await self._ask(Message.GET_STATE, chaincode_shim_pb2.GetState(key=key).SerializeToString())

    async def put_state(self, key: str, value: bytes) -> None:
        await self._ask(Message.PUT_STATE, chaincode_shim_pb2.PutState(key=key, value=value).SerializeToString())

    def set_event(self, name: str, payload: bytes) -> None:
        self.event = chaincode_event_pb2.ChaincodeEvent(event_name=name, payload=payload)

    async def _ask(self, kind: int, payload: bytes) -> bytes:
        return await self._stream.ask(
            Message(type=kind, payload=payload, txid=self._message.txid, channel_id=self._message.channel_id)
        )


async def _expect(messages: AsyncIterator[Message], kind: int) -> None:
    expected = Message.Type.Name(kind)
    received = await anext(messages, None)
    if received is None:
        raise ProtocolBroken(expected, "the end of the stream")
    if received.type != kind:
        raise ProtocolBroken(expected, Message.Type.Name(received.type))
