-- Additive, so that a replica of the version before may go on beside this one.

-- Officers' commands that were carried out: sent again, they do nothing.
CREATE TABLE vault_commands (
    nonce text PRIMARY KEY,
    command_sha256 text NOT NULL
);
