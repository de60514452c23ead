"""Signed messages to a peer: proposals of calls, prepared transactions, and requests for blocks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fabric_protos.common import common_pb2
from fabric_protos.orderer import ab_pb2
from fabric_protos.peer import chaincode_pb2, proposal_pb2

from .identity import Identity

Random = Callable[[int], bytes]
"""As :func:`secrets.token_bytes`."""
Clock = Callable[[], datetime]

_NONCE_BYTES = 24


@dataclass(frozen=True)
class Call:
    """A function of a chaincode with its parameters, on a channel."""

    channel: str
    chaincode: str
    arguments: Sequence[bytes]


@dataclass(frozen=True)
class SignedCall:
    """A call that its creator has signed: ``proposal`` is a ``SignedProposal`` message."""

    transaction: str
    channel: str
    proposal: proposal_pb2.SignedProposal


class Author:
    """Writes and signs messages as one identity."""

    def __init__(self, identity: Identity, random: Random, now: Clock) -> None:
        """Peers refuse messages whose time is more than 15 minutes from their own, so ``now`` must be right."""
        self._identity = identity
        self._random = random
        self._now = now

    @property
    def creator(self) -> bytes:
        """The identity as messages carry it."""
        return self._identity.creator

    def sign(self, message: bytes) -> bytes:
        """The identity's signature."""
        return self._identity.sign(message)

    def call(self, call: Call) -> SignedCall:
        """A proposal with a new transaction id (``peer/proposal.proto``)."""
        nonce = self._random(_NONCE_BYTES)
        transaction = transaction_id(nonce, self.creator)
        chaincode = chaincode_pb2.ChaincodeID(name=call.chaincode)
        specification = chaincode_pb2.ChaincodeInvocationSpec(
            chaincode_spec=chaincode_pb2.ChaincodeSpec(
                chaincode_id=chaincode, input=chaincode_pb2.ChaincodeInput(args=list(call.arguments))
            )
        )
        payload = proposal_pb2.ChaincodeProposalPayload(input=specification.SerializeToString())
        channel_header = self._channel_header(common_pb2.ENDORSER_TRANSACTION, call.channel)
        channel_header.tx_id = transaction
        channel_header.extension = proposal_pb2.ChaincodeHeaderExtension(chaincode_id=chaincode).SerializeToString()
        header = self._header(channel_header, nonce)
        proposal = proposal_pb2.Proposal(
            header=header.SerializeToString(), payload=payload.SerializeToString()
        ).SerializeToString()
        signed = proposal_pb2.SignedProposal(proposal_bytes=proposal, signature=self.sign(proposal))
        return SignedCall(transaction, call.channel, signed)

    def seek(self, channel: str, first_block: int, last_block: int) -> common_pb2.Envelope:
        """A request for blocks that are there already (``orderer/ab.proto``, SeekInfo)."""

        def position(number: int) -> ab_pb2.SeekPosition:
            return ab_pb2.SeekPosition(specified=ab_pb2.SeekSpecified(number=number))

        seek = ab_pb2.SeekInfo(
            start=position(first_block), stop=position(last_block), behavior=ab_pb2.SeekInfo.FAIL_IF_NOT_READY
        )
        header = self._header(self._channel_header(common_pb2.DELIVER_SEEK_INFO, channel), self._random(_NONCE_BYTES))
        payload = common_pb2.Payload(header=header, data=seek.SerializeToString()).SerializeToString()
        return common_pb2.Envelope(payload=payload, signature=self.sign(payload))

    def _channel_header(self, kind: int, channel: str) -> common_pb2.ChannelHeader:
        header = common_pb2.ChannelHeader(type=kind, channel_id=channel)
        header.timestamp.FromDatetime(self._now())
        return header

    def _header(self, channel_header: common_pb2.ChannelHeader, nonce: bytes) -> common_pb2.Header:
        signature_header = common_pb2.SignatureHeader(creator=self.creator, nonce=nonce)
        return common_pb2.Header(
            channel_header=channel_header.SerializeToString(), signature_header=signature_header.SerializeToString()
        )


def transaction_id(nonce: bytes, creator: bytes) -> str:
    """SHA-256 of nonce and creator, in hexadecimal; peers refuse any other id."""
    return hashlib.sha256(nonce + creator).hexdigest()
