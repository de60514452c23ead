-- How far others vouch for the log: sizes that enough witnesses cosigned, and final anchors on chains.
CREATE TABLE witnessed_sizes (
    size bigint PRIMARY KEY
);

CREATE TABLE verified_anchors (
    ledger text NOT NULL,
    size bigint NOT NULL,
    chain text NOT NULL,
    transaction text NOT NULL,
    block bigint NOT NULL,
    PRIMARY KEY (ledger, size)
);
