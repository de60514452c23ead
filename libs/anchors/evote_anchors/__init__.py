"""Checkpoints on chains: sending anchors to Ethereum and Hyperledger Fabric, and reading them back.

Errors::

    Exception
    ├── ChainError (errors)
    │   ├── AnchorRefused (errors)
    │   │   ├── InvalidatedByChannel (fabric.errors)
    │   │   └── RefusedByContract (fabric.errors)
    │   ├── BlockForged (fabric.errors)
    │   ├── ChainUnavailable (errors)
    │   │   ├── AccountTooPoor (ethereum.writer)
    │   │   ├── DeploymentFailed (ethereum.deploy)
    │   │   ├── FeeCapReached (ethereum.fees)
    │   │   └── NodeRefused (ethereum.reader)
    │   ├── ProfileInvalid (fabric.errors)
    │   └── WrongContract (errors)
    ├── EndpointFailed (ethereum.provider)
    ├── EvidenceInvalid (fabric.transactions)
    └── UnusableKey (ethereum.key)
"""
