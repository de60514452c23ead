"""Sequences public events into the Merkle log and signs its checkpoints."""
