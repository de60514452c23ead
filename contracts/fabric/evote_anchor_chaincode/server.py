"""The chaincode as a service: a gRPC server that the organisation's peers connect to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
from fabric_protos.peer import chaincode_shim_pb2_grpc
from fabric_protos.peer.chaincode_shim_pb2 import ChaincodeMessage

from .contract import AnchorContract
from .settings import Settings, Tls
from .stream import PeerStream


class ChaincodeService(chaincode_shim_pb2_grpc.ChaincodeServicer):  # type: ignore[misc]  # no type information
    """One conversation for each peer that connects."""

    def __init__(self, contract: AnchorContract, chaincode_id: str) -> None:
        self._contract = contract
        self._chaincode_id = chaincode_id

    async def Connect(  # noqa: N802 - the name in chaincode_shim.proto
        self, request_iterator: AsyncIterator[ChaincodeMessage], context: grpc.aio.ServicerContext
    ) -> None:
        """The peer opens the stream, and we register on it."""
        await PeerStream(self._contract, self._chaincode_id, context.write).serve(aiter(request_iterator))


def make_server(settings: Settings) -> grpc.aio.Server:
    """A server bound to the settings' address, not yet started; gRPC raises RuntimeError when it can't be bound."""
    server = grpc.aio.server()
    service = ChaincodeService(AnchorContract(settings.anchorer_msp_id), settings.chaincode_id)
    chaincode_shim_pb2_grpc.add_ChaincodeServicer_to_server(service, server)
    if settings.tls is None:
        server.add_insecure_port(settings.address)
    else:
        server.add_secure_port(settings.address, _credentials(settings.tls))
    return server


def _credentials(tls: Tls) -> grpc.ServerCredentials:
    client_ca = tls.client_ca_file.read_bytes() if tls.client_ca_file is not None else None
    return grpc.ssl_server_credentials(
        [(tls.key_file.read_bytes(), tls.certificate_file.read_bytes())],
        root_certificates=client_ca,
        require_client_auth=client_ca is not None,
    )
