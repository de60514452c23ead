"""Signed statements between auth and biometric.

Errors::

    StatementRefused (evote_statements.signed)
    └── StatementExpired (statements)
"""
