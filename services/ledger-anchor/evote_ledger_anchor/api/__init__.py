"""ledger-anchor over HTTP."""
