"""Transparency log: RFC 9162 Merkle tree, C2SP signed-note checkpoints, tlog-tiles, proofs.

Errors::

    Exception
    └── TlogError (errors)
        ├── EntryTooLarge (errors)
        ├── MalformedNote (errors)
        ├── MalformedPolicy (errors)
        ├── MalformedProof (errors)
        ├── MalformedTile (errors)
        ├── MissingTile (errors)
        ├── ProofError (errors)
        ├── QuorumMissed (errors)
        ├── RefusedCheckpoint (errors)
        │   ├── InconsistentCheckpoint (errors)
        │   │   └── ForkedCheckpoint (errors)
        │   ├── MalformedRequest (errors)
        │   ├── SizeConflict (errors)
        │   ├── UnknownLog (errors)
        │   └── UntrustedCheckpoint (errors)
        └── SignatureError (errors)
"""
