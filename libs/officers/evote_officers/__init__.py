"""Who the officers of a deployment are, what each may do, and the commands that they sign.

Errors::

    Exception
    └── CommandRefused (commands)
        ├── CommandMalformed (commands)
        ├── CommandOfAnother (commands)
        ├── CommandUntimely (commands)
        ├── NotEntitled (commands)
        └── PersonsMissing (commands)
    ValueError
    └── RosterUnusable (roster)
"""
