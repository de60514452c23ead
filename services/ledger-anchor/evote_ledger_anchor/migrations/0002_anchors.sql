-- Checkpoints that enough witnesses cosigned; the note bears their cosignatures.
CREATE TABLE witnessed (
    size bigint PRIMARY KEY,
    note text NOT NULL
);

-- Which checkpoints stand on which chain. A reorganisation moves an anchor to another block until it is verified.
CREATE TABLE anchors (
    ledger text NOT NULL,
    size bigint NOT NULL,
    chain text NOT NULL,
    root bytea NOT NULL,
    transaction text NOT NULL,
    block bigint NOT NULL,
    block_hash text NOT NULL,
    block_time text NOT NULL,
    anchorer text NOT NULL,
    verified boolean NOT NULL,
    PRIMARY KEY (ledger, size)
);

-- Public notices of tampering, in the order in which they were raised.
CREATE TABLE notices (
    record_offset bigint PRIMARY KEY,
    finding bytea NOT NULL UNIQUE,
    kind text NOT NULL,
    place text NOT NULL,
    expected text NOT NULL,
    found text NOT NULL,
    intact_at text,
    raised_at text NOT NULL
);
