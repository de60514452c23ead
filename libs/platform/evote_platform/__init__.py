"""What every service needs once: app factory, health, metrics, problem+json, tokens, database.

Errors::

    Exception
    ├── AnswerAborted (observer)
    ├── CannotStart (program)
    ├── NotReady (health)
    └── Problem (problems)
"""
