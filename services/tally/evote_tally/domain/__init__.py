"""Pure rules of the election: no I/O, no clock and no randomness of their own."""
