"""Runs the election's life cycle, the key ceremony, the encrypted tally and the archive."""
