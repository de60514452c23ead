"""Takes ballots in, gives receipts, shows the board and the turnout."""
