"""The event log: CloudEvents envelope, typed events, durable producer, exactly-once projections, replay.

Errors::

    Exception
    ├── ApplyFailed (errors)
    ├── BrokenBatch (batches)
    ├── EventTooLarge (errors)
    ├── Fenced (errors)
    ├── LogUnavailable (errors)
    ├── NotReadByAll (errors)
    ├── OffsetMovedBack (errors)
    ├── PoisonError (errors)
    ├── ReaderStopped (errors)
    │   ├── LogGap (errors)
    │   ├── LogTruncated (errors)
    │   ├── TopicsUnfit (errors)
    │   └── UnknownEvent (errors)
    └── TopicsUnavailable (errors)
"""
