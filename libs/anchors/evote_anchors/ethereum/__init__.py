"""Anchors on Ethereum, in the contract ``contracts/ethereum/AnchorLog.vy``."""
