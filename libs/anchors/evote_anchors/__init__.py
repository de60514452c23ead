"""Checkpoints on chains: sending anchors to Ethereum and Hyperledger Fabric, and reading them back."""
