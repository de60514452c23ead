"""What every service needs once: app factory, health, metrics, problem+json, tokens, database.

Errors::

    Exception
    ├── AnswerAborted (observer)
    ├── CannotStart (settings)
    ├── ClientGone (disconnect)
    ├── NotReady (health)
    ├── Problem (problems)
    ├── SchemaBehind (database)
    └── ServerTooSmall (database)
    HTTPException (starlette.exceptions)
    ├── BodyTooLarge (bodylimit)
    └── BodyTooSlow (bodylimit)
    TimeoutError
    └── ReadsBusy (reads)
"""
