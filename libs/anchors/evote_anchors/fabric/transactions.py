"""A transaction of a channel: who asked, what it wrote, and whose peers endorsed that."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fabric_protos.common import common_pb2
from fabric_protos.ledger.rwset import rwset_pb2
from fabric_protos.ledger.rwset.kvrwset import kv_rwset_pb2
from fabric_protos.msp import identities_pb2
from fabric_protos.peer import proposal_pb2, proposal_response_pb2, transaction_pb2

from .profile import Organisation
from .proposal import transaction_id

_PEER_ROLE = "peer"  # the organisational unit that node OUs give to peers


class EvidenceInvalid(Exception):
    """A transaction does not prove what it says."""


@dataclass(frozen=True)
class Signature:
    """A serialised identity, what it signed, and its signature."""

    creator: bytes
    message: bytes
    signature: bytes


@dataclass(frozen=True)
class Write:
    """A key of the contract's state and its new value; None: deleted."""

    key: str
    value: bytes | None


@dataclass(frozen=True)
class ContractTransaction:
    """A transaction that wrote to the contract's state.

    Args:
        transaction: its id.
        time: its author's clock, which the endorsing peers found to be within 15 minutes of theirs.
        author: over the whole transaction.
        endorsements: over the proposal's hash and what it wrote.
        writes: to the contract's state only.
    """

    transaction: str
    time: datetime
    author: Signature
    endorsements: tuple[Signature, ...]
    writes: tuple[Write, ...]

    @property
    def author_msp_id(self) -> str:
        """The author's organisation, as the author says."""
        msp_id: str = identities_pb2.SerializedIdentity.FromString(self.author.creator).mspid
        return msp_id


def read_transaction(envelope: bytes, channel: str, chaincode: str) -> ContractTransaction | None:
    """Take an envelope of a block apart; None: it is no transaction that writes to this contract's state.

    Raises:
        EvidenceInvalid: its parts don't belong together.
        google.protobuf.message.DecodeError: it is damaged.
    """
    signed = common_pb2.Envelope.FromString(envelope)
    payload = common_pb2.Payload.FromString(signed.payload)
    channel_header = common_pb2.ChannelHeader.FromString(payload.header.channel_header)
    if channel_header.type != common_pb2.ENDORSER_TRANSACTION:
        return None
    (action,) = transaction_pb2.Transaction.FromString(payload.data).actions
    endorsed = transaction_pb2.ChaincodeActionPayload.FromString(action.payload)
    response_bytes: bytes = endorsed.action.proposal_response_payload
    response = proposal_response_pb2.ProposalResponsePayload.FromString(response_bytes)
    writes = tuple(_writes(proposal_pb2.ChaincodeAction.FromString(response.extension).results, chaincode))
    if not writes:
        return None
    author = common_pb2.SignatureHeader.FromString(payload.header.signature_header)
    if channel_header.channel_id != channel:
        raise EvidenceInvalid(f"it is of channel {channel_header.channel_id}")
    if channel_header.tx_id != transaction_id(author.nonce, author.creator):
        raise EvidenceInvalid("its id is not its author's and nonce's")
    # Without this, an endorsement of one proposal could be moved under another author's header.
    if response.proposal_hash != _proposal_hash(payload.header, endorsed.chaincode_proposal_payload):
        raise EvidenceInvalid("what was endorsed is another proposal")
    return ContractTransaction(
        transaction=channel_header.tx_id,
        time=channel_header.timestamp.ToDatetime(UTC),
        author=Signature(author.creator, signed.payload, signed.signature),
        endorsements=tuple(
            Signature(each.endorser, response_bytes + each.endorser, each.signature)
            for each in endorsed.action.endorsements
        ),
        writes=writes,
    )


def verify_evidence(transaction: ContractTransaction, members: Members) -> None:
    """See that a transaction's author is a member of one of the organisations, and that a peer of each endorsed it.

    Raises:
        EvidenceInvalid: a signature is missing or wrong, or a certificate is not the organisation's.
    """
    _verify_signature(transaction.author, members, transaction.time)
    endorsers = set()
    for endorsement in transaction.endorsements:
        member = _verify_signature(endorsement, members, transaction.time)
        if member.is_peer:
            endorsers.add(member.msp_id)
    if missing := members.msp_ids - endorsers:
        raise EvidenceInvalid(f"no peer of {', '.join(sorted(missing))} has endorsed it")


@dataclass(frozen=True)
class Member:
    """A certificate that one of an organisation's authorities has issued."""

    msp_id: str
    certificate: x509.Certificate
    key: ec.EllipticCurvePublicKey

    @property
    def is_peer(self) -> bool:
        """Whether the organisation's node OUs make it a peer."""
        units = self.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATIONAL_UNIT_NAME)
        return any(unit.value == _PEER_ROLE for unit in units)


class Members:
    """Recognises the members of some organisations; remembers them, as the same few sign every anchor."""

    def __init__(self, organisations: Sequence[Organisation]) -> None:
        self._organisations = {organisation.msp_id: organisation for organisation in organisations}
        self._known: dict[bytes, Member] = {}

    @property
    def msp_ids(self) -> frozenset[str]:
        """The organisations' ids."""
        return frozenset(self._organisations)

    def recognise(self, creator: bytes) -> Member:
        """The member that a serialised identity is; raises :class:`EvidenceInvalid` when it is none."""
        if creator not in self._known:
            self._known[creator] = self._read(identities_pb2.SerializedIdentity.FromString(creator))
        return self._known[creator]

    def _read(self, identity: identities_pb2.SerializedIdentity) -> Member:
        organisation = self._organisations.get(identity.mspid)
        if organisation is None:
            raise EvidenceInvalid(f"{identity.mspid} is none of the organisations that were named")
        try:
            certificate = x509.load_pem_x509_certificate(identity.id_bytes)
        except ValueError as error:
            raise EvidenceInvalid(f"a member of {identity.mspid} shows no certificate: {error}") from error
        if not any(_issued(authority, certificate) for authority in organisation.authorities):
            raise EvidenceInvalid(f"a certificate is not {identity.mspid}'s")
        key = certificate.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise EvidenceInvalid(f"a certificate of {identity.mspid} is not for ECDSA")
        return Member(identity.mspid, certificate, key)


def _verify_signature(signed: Signature, members: Members, time: datetime) -> Member:
    member = members.recognise(signed.creator)
    if not member.certificate.not_valid_before_utc <= time <= member.certificate.not_valid_after_utc:
        raise EvidenceInvalid(f"a certificate of {member.msp_id} was not valid at {time.isoformat()}")
    try:
        member.key.verify(signed.signature, signed.message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise EvidenceInvalid(f"a signature of {member.msp_id} does not verify") from error
    return member


def _issued(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _writes(results: bytes, chaincode: str) -> Iterator[Write]:
    for namespace in rwset_pb2.TxReadWriteSet.FromString(results).ns_rwset:
        if namespace.namespace == chaincode:
            for write in kv_rwset_pb2.KVRWSet.FromString(namespace.rwset).writes:
                yield Write(write.key, None if write.is_delete else write.value)


def _proposal_hash(header: common_pb2.Header, proposal_payload: bytes) -> bytes:
    # protoutil.GetProposalHash2
    return hashlib.sha256(header.channel_header + header.signature_header + proposal_payload).digest()
