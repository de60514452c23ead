"""The Belenios voting protocol, version 1: groups, credentials, ballots, trustees, archive, verification.

Errors::

    Exception
    ├── BeleniosError (errors)
    │   ├── ArchiveError (errors)
    │   │   └── NotAnArchive (archive.members)
    │   ├── BallotError (errors)
    │   ├── CredentialError (errors)
    │   ├── ElectionError (errors)
    │   ├── EncodingError (errors)
    │   ├── NotSupported (errors)
    │   ├── OrderError (errors)
    │   ├── TallyError (errors)
    │   └── TrusteeError (errors)
    └── MemberError (archive.members)
"""
