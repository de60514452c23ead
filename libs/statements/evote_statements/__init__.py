"""What a person or a service says under its own key, in one canonical text.

Errors::

    Exception
    └── StatementRefused (signed)
        ├── StatementMalformed (signed)
        └── StatementSignatureWrong (signed)
    ValueError
    └── KeyMistyped (keys)
"""
