-- What the workspace is: its format version and similar single values.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- The version of each table that is the truth. Updating this row is what commits a write.
CREATE TABLE table_heads (
    name    TEXT PRIMARY KEY NOT NULL,
    version INTEGER NOT NULL,
    rows    INTEGER NOT NULL
) WITHOUT ROWID;

-- Frozen dataset versions. They never change once written.
CREATE TABLE datasets (
    dataset_id TEXT PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL UNIQUE,
    hash       TEXT NOT NULL,
    folder     TEXT NOT NULL UNIQUE,
    frames     INTEGER NOT NULL,
    labels     INTEGER NOT NULL,
    created_ns INTEGER NOT NULL,
    classes    TEXT NOT NULL,
    splits     TEXT NOT NULL,
    manifest   TEXT NOT NULL
);

-- Trained models; their files lie below the data root.
CREATE TABLE models (
    model_id   TEXT PRIMARY KEY NOT NULL,
    name       TEXT NOT NULL UNIQUE,
    path       TEXT NOT NULL,
    digest     TEXT NOT NULL,
    config     TEXT NOT NULL,
    dataset_id TEXT,
    run_id     TEXT,
    classes    TEXT NOT NULL,
    metrics    TEXT NOT NULL,
    created_ns INTEGER NOT NULL
);

-- Runs of commands that compute: train, predict, eval.
CREATE TABLE runs (
    run_id       TEXT PRIMARY KEY NOT NULL,
    kind         TEXT NOT NULL,
    name         TEXT NOT NULL,
    params       TEXT NOT NULL,
    status       TEXT NOT NULL,
    code_version TEXT NOT NULL,
    seed         INTEGER,
    started_ns   INTEGER NOT NULL,
    ended_ns     INTEGER,
    machine      TEXT NOT NULL
);

-- One record per operation: the lineage.
CREATE TABLE operations (
    seq          INTEGER PRIMARY KEY NOT NULL,
    op_id        TEXT NOT NULL UNIQUE,
    kind         TEXT NOT NULL,
    params       TEXT NOT NULL,
    code_version TEXT NOT NULL,
    environment  TEXT NOT NULL,
    user         TEXT NOT NULL,
    started_ns   INTEGER NOT NULL,
    ended_ns     INTEGER NOT NULL,
    cost         TEXT NOT NULL
);

-- What went into an operation and what came out of it.
CREATE TABLE edges (
    op_seq    INTEGER NOT NULL REFERENCES operations (seq),
    direction TEXT NOT NULL CHECK (direction IN ('in', 'out')),
    node_kind TEXT NOT NULL,
    node_id   TEXT NOT NULL,
    detail    TEXT NOT NULL,
    PRIMARY KEY (op_seq, direction, node_kind, node_id)
) WITHOUT ROWID;

CREATE INDEX edges_by_node ON edges (node_kind, node_id, direction, op_seq);
