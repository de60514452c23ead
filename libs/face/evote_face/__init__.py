"""Signed statements between auth and biometric."""
