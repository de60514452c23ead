"""The chaincode server, over gRPC, against a fake peer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from evote_anchor_chaincode.contract import ANCHORED
from evote_anchor_chaincode.errors import SettingsInvalid
from evote_anchor_chaincode.server import make_server
from evote_anchor_chaincode.settings import Settings, Tls
from evote_local.nodes.ports import LOOPBACK, free_port
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage as Message

from .fake_peer import FakePeer, response, transaction

ROOT = "ab" * 32


@asynccontextmanager
async def running(tls: Tls | None) -> AsyncIterator[str]:
    address = f"{LOOPBACK}:{free_port()}"
    server = make_server(Settings("anchor:1234", address, "CityMSP", tls))
    await server.start()
    yield address
    await server.stop(None)


@pytest.fixture
async def peer() -> AsyncIterator[FakePeer]:
    async with running(None) as address, grpc.aio.insecure_channel(address) as channel:
        yield FakePeer(channel, {})


async def test_it_registers_under_its_package_id(peer: FakePeer) -> None:
    assert await peer.register() == "anchor:1234"


async def test_an_anchor_carries_its_event_to_the_peer(peer: FakePeer) -> None:
    await peer.register()

    completed = await peer.execute("t1", ["Anchor", "log.example", "7", ROOT], creator_msp_id="CityMSP")

    assert response(completed).status == 200
    assert completed.chaincode_event.event_name == ANCHORED
    assert completed.chaincode_event.payload == peer.state["head/log.example"]


async def test_a_refusal_is_the_contracts_answer_with_its_status(peer: FakePeer) -> None:
    await peer.register()

    completed = await peer.execute("t1", ["Anchor", "log.example", "7", ROOT], creator_msp_id="AuditMSP")

    assert response(completed).status == 403
    assert "only CityMSP may anchor" in response(completed).message
    assert not completed.HasField("chaincode_event")


async def test_a_peer_that_cannot_read_its_state_gets_an_error_and_no_anchor(peer: FakePeer) -> None:
    await peer.register()
    peer.state_is_broken = True

    failed = await peer.execute("t1", ["Anchor", "log.example", "7", ROOT], creator_msp_id="CityMSP")

    assert failed.type == Message.ERROR
    assert b"the state database is closed" in failed.payload
    assert peer.state == {}


async def test_state_that_is_no_head_ends_the_transaction_and_not_the_stream(peer: FakePeer) -> None:
    await peer.register()
    peer.state["head/log.example"] = b"not a head"

    failed = await peer.execute("t1", ["Anchor", "log.example", "7", ROOT], creator_msp_id="CityMSP")
    after = await peer.execute("t2", ["Anchorer"], creator_msp_id="CityMSP")

    assert failed.type == Message.ERROR
    assert response(after).payload == b"CityMSP"


async def test_transactions_run_side_by_side(peer: FakePeer) -> None:
    await peer.register()
    for name in ("t1", "t2"):
        await peer.write(transaction(name, ["Newest", f"{name}.example"], "CityMSP"))

    asked = {(await peer.read()).txid for _ in range(2)}  # both ask before either is answered
    for name in sorted(asked, reverse=True):
        await peer.write(Message(type=Message.RESPONSE, txid=name, channel_id="anchors", payload=name.encode()))
    answers = [await peer.read() for _ in range(2)]

    assert {answer.txid: response(answer).payload for answer in answers} == {"t1": b"t1", "t2": b"t2"}


async def test_a_keepalive_comes_back(peer: FakePeer) -> None:
    await peer.register()

    await peer.write(Message(type=Message.KEEPALIVE))

    assert (await peer.read()).type == Message.KEEPALIVE


async def test_a_stream_that_does_not_take_the_registration_ends(peer: FakePeer) -> None:
    assert (await peer.read()).type == Message.REGISTER

    await peer.write(Message(type=Message.READY))

    with pytest.raises(grpc.aio.AioRpcError, match="expected REGISTERED from the peer, received READY"):
        await peer.read()


async def test_peers_connect_over_tls_and_others_do_not(tmp_path: Path) -> None:
    certificate, key = _own_certificate()
    (tmp_path / "cert.pem").write_bytes(certificate)
    (tmp_path / "key.pem").write_bytes(key)
    tls = Tls(tmp_path / "cert.pem", tmp_path / "key.pem", client_ca_file=tmp_path / "cert.pem")

    async with running(tls) as address:
        known = grpc.ssl_channel_credentials(certificate, private_key=key, certificate_chain=certificate)
        async with grpc.aio.secure_channel(address, known) as channel:
            assert await FakePeer(channel, {}).register() == "anchor:1234"
        for stranger in (grpc.ssl_channel_credentials(certificate), grpc.ssl_channel_credentials()):
            async with grpc.aio.secure_channel(address, stranger) as channel:
                with pytest.raises(grpc.aio.AioRpcError):
                    await FakePeer(channel, {}).register()


@pytest.mark.parametrize(
    ("change", "variable"),
    [
        ({"CHAINCODE_ID": ""}, "CHAINCODE_ID"),
        ({"CHAINCODE_SERVER_ADDRESS": ""}, "CHAINCODE_SERVER_ADDRESS"),
        ({"ANCHORER_MSP_ID": ""}, "ANCHORER_MSP_ID"),
        ({"CHAINCODE_TLS_CERT_FILE": "cert.pem"}, "CHAINCODE_TLS_KEY_FILE"),
        ({"CHAINCODE_TLS_KEY_FILE": "key.pem"}, "CHAINCODE_TLS_CERT_FILE"),
        ({"CHAINCODE_TLS_CLIENT_CA_FILE": "ca.pem"}, "CHAINCODE_TLS_CERT_FILE"),
    ],
)
def test_an_incomplete_environment_is_refused_by_name(change: dict[str, str], variable: str) -> None:
    complete = {"CHAINCODE_ID": "anchor:1", "CHAINCODE_SERVER_ADDRESS": "host:1", "ANCHORER_MSP_ID": "CityMSP"}
    assert Settings.from_environment(complete).tls is None

    with pytest.raises(SettingsInvalid) as invalid:
        Settings.from_environment({**complete, **change})

    assert invalid.value.variable == variable


def _own_certificate() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now().astimezone()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(LOOPBACK))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM), pem
