"""Who the officers of a deployment are, what each may do, and the commands that they sign.

Errors::

    Exception
    ├── CommandRefused (commands)
    │   ├── CommandMalformed (commands)
    │   ├── CommandOfAnother (commands)
    │   ├── CommandUntimely (commands)
    │   ├── NotEntitled (commands)
    │   └── PersonsMissing (commands)
    └── KeyFileUnusable (key_file)
        ├── NotAKeyFile (key_file)
        └── WrongPassword (key_file)
    ValueError
    └── RosterUnusable (roster)
"""
