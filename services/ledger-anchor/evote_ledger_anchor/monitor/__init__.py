"""Finds out whether the log, the tables that serve it and the chains are what they were."""
