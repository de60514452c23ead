"""auth's rules: reading a roll, matching a person, deriving credentials, and what a release needs. No I/O."""
