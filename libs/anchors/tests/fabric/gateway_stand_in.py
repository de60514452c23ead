"""A stand-in for a Fabric peer's Gateway and Deliver services, over TLS, with faults on demand."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from enum import Enum, auto
from typing import TypeVar

import grpc
from evote_anchor_chaincode.errors import Refused
from evote_local.nodes.ports import LOOPBACK, free_port
from fabric_protos.common import common_pb2, ledger_pb2
from fabric_protos.gateway import gateway_pb2, gateway_pb2_grpc
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import events_pb2, events_pb2_grpc, proposal_response_pb2
from google.protobuf import any_pb2
from google.rpc import status_pb2

from .authorities import Member
from .channel_stand_in import BadSignature, StandInChannel

T = TypeVar("T")


class Fault(Enum):
    """What goes wrong with a call."""

    LOST = auto()
    """It never happens, and the client is told so."""
    LANDED_BUT_REPORTED_FAILED = auto()
    """It happens, and the client is told it didn't."""
    SILENT = auto()
    """It never happens, and the client is told nothing."""
    LANDED_BUT_SILENT = auto()
    """It happens, and the client is told nothing."""


class StandInPeer(gateway_pb2_grpc.GatewayServicer, events_pb2_grpc.DeliverServicer):  # type: ignore[misc]
    """One peer. ``faults[method]`` is what happens to its next calls of that method, one fault each."""

    def __init__(self, channel: StandInChannel, tls: Member) -> None:
        self.channel = channel
        self.blocks = channel.blocks
        """What it delivers: a test may put a forged list in its place."""
        self.faults: dict[str, deque[Fault]] = {}
        self.calls: list[str] = []
        self.address = f"{LOOPBACK}:{free_port()}"
        self._tls = tls
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        server = grpc.aio.server()
        gateway_pb2_grpc.add_GatewayServicer_to_server(self, server)
        events_pb2_grpc.add_DeliverServicer_to_server(self, server)
        credentials = grpc.ssl_server_credentials([(self._tls.key_pem, self._tls.certificate_pem)])
        server.add_secure_port(self.address, credentials)
        await server.start()
        self._server = server

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(None)
            self._server = None

    def fail(self, method: str, *faults: Fault) -> None:
        """Let the next calls of a method go wrong."""
        self.faults.setdefault(method, deque()).extend(faults)

    async def Evaluate(  # noqa: N802 - the names of gateway.proto
        self, request: gateway_pb2.EvaluateRequest, context: grpc.aio.ServicerContext
    ) -> gateway_pb2.EvaluateResponse:
        async def evaluate() -> gateway_pb2.EvaluateResponse:
            proposal = self.channel.receive(request.proposed_transaction)
            if proposal.chaincode == "qscc":
                result = ledger_pb2.BlockchainInfo(height=len(self.blocks)).SerializeToString()
            else:
                _, result = await self.channel.simulate(proposal)
            return gateway_pb2.EvaluateResponse(result=proposal_response_pb2.Response(status=200, payload=result))

        return await self._answer("Evaluate", context, evaluate)

    async def Endorse(  # noqa: N802
        self, request: gateway_pb2.EndorseRequest, context: grpc.aio.ServicerContext
    ) -> gateway_pb2.EndorseResponse:
        async def endorse() -> gateway_pb2.EndorseResponse:
            proposal = self.channel.receive(request.proposed_transaction)
            return gateway_pb2.EndorseResponse(prepared_transaction=await self.channel.endorse(proposal))

        return await self._answer("Endorse", context, endorse)

    async def Submit(  # noqa: N802
        self, request: gateway_pb2.SubmitRequest, context: grpc.aio.ServicerContext
    ) -> gateway_pb2.SubmitResponse:
        async def submit() -> gateway_pb2.SubmitResponse:
            await self.channel.order(request.prepared_transaction)
            return gateway_pb2.SubmitResponse()

        return await self._answer("Submit", context, submit)

    async def CommitStatus(  # noqa: N802
        self, request: gateway_pb2.SignedCommitStatusRequest, context: grpc.aio.ServicerContext
    ) -> gateway_pb2.CommitStatusResponse:
        async def wait() -> gateway_pb2.CommitStatusResponse:
            asked = gateway_pb2.CommitStatusRequest.FromString(request.request)
            self.channel.verify(asked.identity, request.request, request.signature)
            code, block = await self.channel.wait_for(asked.transaction_id)
            return gateway_pb2.CommitStatusResponse(result=code, block_number=block)

        return await self._answer("CommitStatus", context, wait)

    async def Deliver(  # noqa: N802
        self, request_iterator: AsyncIterator[common_pb2.Envelope], context: grpc.aio.ServicerContext
    ) -> AsyncIterator[events_pb2.DeliverResponse]:
        async def find() -> list[common_pb2.Block]:
            envelope = await anext(aiter(request_iterator))
            payload = common_pb2.Payload.FromString(envelope.payload)
            author = common_pb2.SignatureHeader.FromString(payload.header.signature_header)
            self.channel.verify(author.creator, envelope.payload, envelope.signature)
            seek = ab_pb2.SeekInfo.FromString(payload.data)
            return self.blocks[seek.start.specified.number : seek.stop.specified.number + 1]

        blocks = await self._answer("Deliver", context, find)
        for block in blocks:
            yield events_pb2.DeliverResponse(block=block)
        yield events_pb2.DeliverResponse(status=common_pb2.SUCCESS if blocks else common_pb2.NOT_FOUND)

    async def _answer(self, method: str, context: grpc.aio.ServicerContext, do: Callable[[], Awaitable[T]]) -> T:
        self.calls.append(method)
        waiting = self.faults.get(method)
        fault = waiting.popleft() if waiting else None
        if fault in (Fault.LOST, Fault.SILENT):
            await _go_wrong(fault, context)
        try:
            answer = await do()
        except BadSignature as error:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            raise
        except Refused as refused:
            await _refuse(method, refused, context)
            raise
        if fault is not None:
            await _go_wrong(fault, context)
        return answer


async def _go_wrong(fault: Fault, context: grpc.aio.ServicerContext) -> None:
    if fault in (Fault.SILENT, Fault.LANDED_BUT_SILENT):
        await asyncio.Event().wait()
    await context.abort(grpc.StatusCode.UNAVAILABLE, "the stand-in was told to fail")


async def _refuse(method: str, refused: Refused, context: grpc.aio.ServicerContext) -> None:
    """As Fabric's gateway words it: in the error itself for Evaluate, in its details for Endorse."""
    answer = f"chaincode response {refused.status}, {refused.reason}"
    if method == "Evaluate":
        await context.abort(grpc.StatusCode.UNKNOWN, f"evaluate call to endorser returned error: {answer}")
    detail = any_pb2.Any()
    detail.Pack(gateway_pb2.ErrorDetail(address="stand-in", msp_id="CityMSP", message=answer))
    message = "failed to endorse transaction, see attached details for more info"
    status = status_pb2.Status(code=grpc.StatusCode.ABORTED.value[0], message=message, details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    await context.abort(grpc.StatusCode.ABORTED, message)
