"""auth over HTTP."""
