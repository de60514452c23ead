"""The Belenios voting protocol, version 1: groups, credentials, ballots, trustees, archive, verification."""
