"""A fake of the peer's side of the shim protocol: opens the stream, as a peer does, and answers from a dictionary."""

from __future__ import annotations

from collections.abc import Iterable

import grpc
from fabric_protos.common import common_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import (
    chaincode_pb2,
    chaincode_shim_pb2,
    chaincode_shim_pb2_grpc,
    proposal_pb2,
    proposal_response_pb2,
)
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage as Message


class FakePeer:
    """Connected and registered after ``register``; then ``execute`` runs a transaction."""

    def __init__(self, channel: grpc.aio.Channel, state: dict[str, bytes]) -> None:
        self.state = state
        self.state_is_broken = False
        self._stream = chaincode_shim_pb2_grpc.ChaincodeStub(channel).Connect()

    async def register(self) -> str:
        """Take the chaincode; return the id that it registered under."""
        registration = await self.read()
        assert registration.type == Message.REGISTER
        await self.write(Message(type=Message.REGISTERED))
        await self.write(Message(type=Message.READY))
        name: str = chaincode_pb2.ChaincodeID.FromString(registration.payload).name
        return name

    async def execute(self, transaction_id: str, arguments: Iterable[str], *, creator_msp_id: str) -> Message:
        """Run a transaction to its COMPLETED or ERROR message, answering what it asks of the state."""
        await self.write(transaction(transaction_id, arguments, creator_msp_id))
        while True:
            message = await self.read()
            if message.type in (Message.COMPLETED, Message.ERROR):
                return message
            await self.write(self._answer(message))

    async def read(self) -> Message:
        return await self._stream.read()

    async def write(self, message: Message) -> None:
        await self._stream.write(message)

    def _answer(self, question: Message) -> Message:
        answer = Message(type=Message.RESPONSE, txid=question.txid, channel_id=question.channel_id)
        if self.state_is_broken:
            answer.type = Message.ERROR
            answer.payload = b"the state database is closed"
        elif question.type == Message.GET_STATE:
            answer.payload = self.state.get(chaincode_shim_pb2.GetState.FromString(question.payload).key, b"")
        elif question.type == Message.PUT_STATE:
            write = chaincode_shim_pb2.PutState.FromString(question.payload)
            self.state[write.key] = write.value
        return answer


def transaction(transaction_id: str, arguments: Iterable[str], creator_msp_id: str) -> Message:
    """The message that starts a transaction."""
    creator = identities_pb2.SerializedIdentity(mspid=creator_msp_id).SerializeToString()
    signature_header = common_pb2.SignatureHeader(creator=creator).SerializeToString()
    header = common_pb2.Header(signature_header=signature_header).SerializeToString()
    message = Message(
        type=Message.TRANSACTION,
        txid=transaction_id,
        channel_id="anchors",
        payload=chaincode_pb2.ChaincodeInput(args=[each.encode() for each in arguments]).SerializeToString(),
    )
    message.proposal.proposal_bytes = proposal_pb2.Proposal(header=header).SerializeToString()
    return message


def response(completed: Message) -> proposal_response_pb2.Response:
    """What a transaction answered."""
    assert completed.type == Message.COMPLETED
    return proposal_response_pb2.Response.FromString(completed.payload)
