"""A stand-in for a Fabric channel: the anchor contract on a state in memory, endorsed and put into blocks.

Signatures, hashes, versions of keys and validation codes are as in Fabric, as far as our client can see them. There is
no ordering service and no gossip: every peer of the channel sees each block at once.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from evote_anchor_chaincode.contract import AnchorContract
from evote_anchors.fabric import low_s
from evote_anchors.fabric.blocks import header_hash
from evote_anchors.fabric.identity import Identity
from fabric_protos.common import common_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import (
    chaincode_event_pb2,
    chaincode_pb2,
    proposal_pb2,
    proposal_response_pb2,
    transaction_pb2,
)

from .authorities import TestOrganisation

Version = tuple[int, int]


class BadSignature(Exception):
    """What a peer would refuse before it looks at the content."""


class Simulation:
    """One call's view of the state, and its reads and writes (:class:`evote_anchor_chaincode.contract.Transaction`)."""

    def __init__(self, channel: StandInChannel, creator_msp_id: str) -> None:
        self._channel = channel
        self.creator_msp_id = creator_msp_id
        self.reads: dict[str, Version | None] = {}
        self.writes: dict[str, bytes] = {}
        self.event: chaincode_event_pb2.ChaincodeEvent | None = None

    async def get_state(self, key: str) -> bytes:
        value, version = self._channel.state.get(key, (b"", None))
        self.reads[key] = version
        return value

    async def put_state(self, key: str, value: bytes) -> None:
        self.writes[key] = value

    def set_event(self, name: str, payload: bytes) -> None:
        self.event = chaincode_event_pb2.ChaincodeEvent(event_name=name, payload=payload)

    def read_write_set(self, chaincode: str) -> bytes:
        keys = kv_rwset_pb2.KVRWSet(writes=[kv_rwset_pb2.KVWrite(key=k, value=v) for k, v in self.writes.items()])
        for key, version in self.reads.items():
            read = keys.reads.add(key=key)
            if version is not None:
                read.version.CopyFrom(kv_rwset_pb2.Version(block_num=version[0], tx_num=version[1]))
        namespace = rwset_pb2.NsReadWriteSet(namespace=chaincode, rwset=keys.SerializeToString())
        return rwset_pb2.TxReadWriteSet(ns_rwset=[namespace]).SerializeToString()


@dataclass(frozen=True)
class ReceivedProposal:
    """A proposal whose creator's signature and transaction id are right."""

    transaction: str
    header: common_pb2.Header
    payload: proposal_pb2.ChaincodeProposalPayload
    chaincode: str
    arguments: Sequence[bytes]
    creator_msp_id: str


class StandInChannel:
    """State and blocks. ``hold`` keeps what is handed in out of blocks until ``cut``."""

    def __init__(
        self, name: str, chaincode: str, anchorer: TestOrganisation, others: Sequence[TestOrganisation]
    ) -> None:
        self.name = name
        self.chaincode = chaincode
        self.organisations = {each.msp_id: each for each in (anchorer, *others)}
        self.contract = AnchorContract(anchorer.msp_id)
        self.state: dict[str, tuple[bytes, Version]] = {}
        self.blocks: list[common_pb2.Block] = []
        self.codes: dict[str, tuple[int, int]] = {}
        self.hold = False
        self.verdict: int = transaction_pb2.VALID
        """What peers find of transactions that are otherwise right."""
        self.waiting: list[common_pb2.Envelope] = []
        self._changed = asyncio.Condition()
        self._append([], [])  # the configuration block, as far as we look at it

    def receive(self, signed: proposal_pb2.SignedProposal) -> ReceivedProposal:
        """Check a proposal's signature and id, as every peer does."""
        proposal = proposal_pb2.Proposal.FromString(signed.proposal_bytes)
        header = common_pb2.Header.FromString(proposal.header)
        author = common_pb2.SignatureHeader.FromString(header.signature_header)
        self.verify(author.creator, signed.proposal_bytes, signed.signature)
        channel_header = common_pb2.ChannelHeader.FromString(header.channel_header)
        if channel_header.tx_id != hashlib.sha256(author.nonce + author.creator).hexdigest():
            raise BadSignature("the transaction id is not that of nonce and creator")
        payload = proposal_pb2.ChaincodeProposalPayload.FromString(proposal.payload)
        call = chaincode_pb2.ChaincodeInvocationSpec.FromString(payload.input).chaincode_spec
        msp_id = identities_pb2.SerializedIdentity.FromString(author.creator).mspid
        return ReceivedProposal(
            channel_header.tx_id, header, payload, call.chaincode_id.name, list(call.input.args), msp_id
        )

    def verify(self, creator: bytes, message: bytes, signature: bytes) -> None:
        """Raise :class:`BadSignature` unless a member of the channel signed the message, with low s."""
        identity = identities_pb2.SerializedIdentity.FromString(creator)
        certificate = x509.load_pem_x509_certificate(identity.id_bytes)
        key = certificate.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        if not low_s.is_low(signature):
            raise BadSignature("invalid S, must be smaller than half the order")
        try:
            certificate.verify_directly_issued_by(self.organisations[identity.mspid].authority)
            key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, KeyError, ValueError) as error:
            raise BadSignature("access denied") from error

    async def simulate(self, proposal: ReceivedProposal) -> tuple[Simulation, bytes]:
        """Run the contract; its refusals come through."""
        simulation = Simulation(self, proposal.creator_msp_id)
        return simulation, await self.contract.call(proposal.arguments, simulation)

    async def endorse(self, proposal: ReceivedProposal) -> common_pb2.Envelope:
        """The transaction with an endorsement of a peer of every organisation, for its author to sign."""
        simulation, result = await self.simulate(proposal)
        return assemble(proposal, simulation, result, [each.peer.identity for each in self.organisations.values()])

    async def order(self, envelope: common_pb2.Envelope) -> None:
        """Take a transaction, and cut a block unless blocks are held."""
        async with self._changed:
            self.waiting.append(envelope)
            self._changed.notify_all()
        if not self.hold:
            await self.cut()

    async def until_waiting(self, count: int) -> None:
        """Return once so many transactions are held."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.waiting) >= count)

    async def cut(self) -> None:
        """Put everything that waits into one block."""
        async with self._changed:
            waiting, self.waiting = self.waiting, []
            number = len(self.blocks)
            codes = [self._commit(envelope, (number, place)) for place, envelope in enumerate(waiting)]
            self._append([envelope.SerializeToString() for envelope in waiting], codes)
            self._changed.notify_all()

    async def wait_for(self, transaction: str) -> tuple[int, int]:
        """The validation code and the block of a transaction, once it has them."""
        async with self._changed:
            await self._changed.wait_for(lambda: transaction in self.codes)
            return self.codes[transaction]

    def _commit(self, envelope: common_pb2.Envelope, version: Version) -> int:
        payload = common_pb2.Payload.FromString(envelope.payload)
        transaction = common_pb2.ChannelHeader.FromString(payload.header.channel_header).tx_id
        creator = common_pb2.SignatureHeader.FromString(payload.header.signature_header).creator
        if transaction in self.codes:
            duplicate: int = transaction_pb2.DUPLICATE_TXID
            return duplicate
        code = self._validate(envelope, creator, version)
        self.codes[transaction] = (code, version[0])
        return code

    def _validate(self, envelope: common_pb2.Envelope, creator: bytes, version: Version) -> int:
        code: int
        try:
            self.verify(creator, envelope.payload, envelope.signature)
        except BadSignature:
            code = transaction_pb2.BAD_CREATOR_SIGNATURE
            return code
        keys = read_write_set(envelope)
        for read in keys.reads:
            expected = (read.version.block_num, read.version.tx_num) if read.HasField("version") else None
            if self.state.get(read.key, (b"", None))[1] != expected:
                code = transaction_pb2.MVCC_READ_CONFLICT
                return code
        if self.verdict == transaction_pb2.VALID:
            self.state.update({write.key: (write.value, version) for write in keys.writes})
        return self.verdict

    def _append(self, envelopes: list[bytes], codes: list[int]) -> None:
        previous = header_hash(self.blocks[-1].header) if self.blocks else b""
        block = common_pb2.Block(
            header=common_pb2.BlockHeader(
                number=len(self.blocks),
                previous_hash=previous,
                data_hash=hashlib.sha256(b"".join(envelopes)).digest(),
            ),
            data=common_pb2.BlockData(data=envelopes),
            metadata=common_pb2.BlockMetadata(metadata=[b"", b"", bytes(codes), b"", b""]),
        )
        self.blocks.append(block)


def assemble(
    proposal: ReceivedProposal, simulation: Simulation, result: bytes, endorsers: Sequence[Identity]
) -> common_pb2.Envelope:
    """An unsigned transaction with these endorsements."""
    action = proposal_pb2.ChaincodeAction(
        results=simulation.read_write_set(proposal.chaincode),
        events=simulation.event.SerializeToString() if simulation.event is not None else b"",
        response=proposal_response_pb2.Response(status=200, payload=result),
        chaincode_id=chaincode_pb2.ChaincodeID(name=proposal.chaincode),
    )
    proposal_payload = proposal.payload.SerializeToString()
    hashed = proposal.header.channel_header + proposal.header.signature_header + proposal_payload
    response = proposal_response_pb2.ProposalResponsePayload(
        proposal_hash=hashlib.sha256(hashed).digest(), extension=action.SerializeToString()
    ).SerializeToString()
    endorsements = [
        proposal_response_pb2.Endorsement(endorser=each.creator, signature=each.sign(response + each.creator))
        for each in endorsers
    ]
    endorsed = transaction_pb2.ChaincodeEndorsedAction(proposal_response_payload=response, endorsements=endorsements)
    payload = transaction_pb2.ChaincodeActionPayload(chaincode_proposal_payload=proposal_payload, action=endorsed)
    transaction = transaction_pb2.Transaction(
        actions=[
            transaction_pb2.TransactionAction(
                header=proposal.header.signature_header, payload=payload.SerializeToString()
            )
        ]
    )
    whole = common_pb2.Payload(header=proposal.header, data=transaction.SerializeToString())
    return common_pb2.Envelope(payload=whole.SerializeToString())


def read_write_set(envelope: common_pb2.Envelope) -> kv_rwset_pb2.KVRWSet:
    """What a transaction read and wrote."""
    payload = common_pb2.Payload.FromString(envelope.payload)
    (action,) = transaction_pb2.Transaction.FromString(payload.data).actions
    endorsed = transaction_pb2.ChaincodeActionPayload.FromString(action.payload).action
    response = proposal_response_pb2.ProposalResponsePayload.FromString(endorsed.proposal_response_payload)
    results = proposal_pb2.ChaincodeAction.FromString(response.extension).results
    (namespace,) = rwset_pb2.TxReadWriteSet.FromString(results).ns_rwset
    return kv_rwset_pb2.KVRWSet.FromString(namespace.rwset)
