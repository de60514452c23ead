"""Transparency log: RFC 9162 Merkle tree, C2SP signed-note checkpoints, tlog-tiles, proofs."""
