"""Anchors on Hyperledger Fabric: the Gateway protocol, reading blocks back, and the anchorer's side."""
