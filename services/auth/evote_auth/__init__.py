"""Authenticates voters by card, holds the roll, is the credential authority."""
