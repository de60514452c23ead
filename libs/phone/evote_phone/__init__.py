"""What the provider of マイナアプリ (the Digital Agency's app for My Number cards) says of a voter.

Errors::

    Exception
    └── IdTokenRefused (id_token)
    ValueError
    └── ProviderUnusable (id_token)
"""
