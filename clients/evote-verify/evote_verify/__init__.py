"""The auditor's program: verifies an election archive."""
