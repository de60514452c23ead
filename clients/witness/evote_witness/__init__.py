"""A witness for transparency logs (C2SP tlog-witness)."""
