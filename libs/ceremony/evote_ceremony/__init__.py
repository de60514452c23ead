"""What trustees say, sign and compare, read alike by their program, by tally and by the auditor's program.

Errors::

    Exception
    ├── NoSuchTrustee (plan)
    └── NotATrustee (plan)
    StatementRefused (evote_statements.signed)
    └── SaysAnother (messages)
    ValueError
    └── CodeMistyped (code)
"""
