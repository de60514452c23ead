"""Who runs what in the network."""

from __future__ import annotations

from dataclasses import dataclass

ORDERER_DOMAIN = "orderer.test"
ORDERER_MSP_ID = "OrdererMSP"
ORDERER_HOST = "orderer0"
CHAINCODE_HOST = "chaincode"


@dataclass(frozen=True)
class Organisation:
    """An organisation with peers. Its clients, admins and TLS authority are cryptogen's, under its domain."""

    name: str
    msp_id: str
    domain: str
    peer_count: int

    @property
    def hosts(self) -> list[str]:
        """The host names of its peers."""
        return [f"peer{index}" for index in range(self.peer_count)]


CITY = Organisation("City", "CityMSP", "city.test", 2)
"""Runs the voting and anchors. Two peers, so that it can lose one."""
AUDIT = Organisation("Audit", "AuditMSP", "audit.test", 1)
"""Endorses what the city anchors; doesn't run the voting."""
ORGANISATIONS = (CITY, AUDIT)
