-- Who: everything of an event that names an owner, once. `digest` is over all of it.
CREATE TABLE who (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    host TEXT, team TEXT, use_case TEXT, service TEXT, service_namespace TEXT, workload TEXT,
    container TEXT, image TEXT, k8s_namespace TEXT, pod TEXT, process TEXT, owner TEXT, runtime TEXT
);

-- What was called. Empty: not known.
CREATE TABLE model (
    id INTEGER PRIMARY KEY,
    provider TEXT NOT NULL, model TEXT NOT NULL, operation TEXT NOT NULL,
    UNIQUE (provider, model, operation)
);

-- Single calls, for the retention. NULL: not known.
CREATE TABLE call (
    ts INTEGER NOT NULL,                -- ns since 1970, when it ended
    event_id TEXT NOT NULL,
    who INTEGER NOT NULL REFERENCES who, model INTEGER NOT NULL REFERENCES model,
    pid INTEGER, key TEXT,
    counted INTEGER NOT NULL,           -- 0: the server's end of a call that another row counts
    stream INTEGER NOT NULL,
    input INTEGER, output INTEGER, cache_read INTEGER, cache_write INTEGER, reasoning INTEGER,
    complete INTEGER NOT NULL,          -- 0: the figures are a lower bound
    cost REAL,                          -- USD
    duration REAL NOT NULL, ttfc REAL,  -- seconds
    max_tokens INTEGER, finish TEXT,
    status INTEGER, class TEXT, capacity INTEGER NOT NULL, error_type TEXT, retry_after REAL,
    session TEXT, turn INTEGER, retry_of TEXT, attempt INTEGER, honoured INTEGER, duplicate_of TEXT,
    prefix TEXT, tools TEXT,
    requests_limit INTEGER, requests_remaining INTEGER, tokens_limit INTEGER, tokens_remaining INTEGER
);
CREATE INDEX call_ts ON call (ts);

-- The same, an hour in a row. `class` is empty for calls that did not fail, `key` where none was seen.
CREATE TABLE call_hour (
    hour INTEGER NOT NULL,              -- hours since 1970
    who INTEGER NOT NULL REFERENCES who, model INTEGER NOT NULL REFERENCES model,
    key TEXT NOT NULL, class TEXT NOT NULL,
    calls INTEGER NOT NULL, incomplete INTEGER NOT NULL, capacity INTEGER NOT NULL,
    streams INTEGER NOT NULL, retries INTEGER NOT NULL, duplicates INTEGER NOT NULL,
    input INTEGER NOT NULL, output INTEGER NOT NULL, cache_read INTEGER NOT NULL,
    cache_write INTEGER NOT NULL, reasoning INTEGER NOT NULL,
    with_usage INTEGER NOT NULL,        -- calls that reported any tokens
    cost REAL NOT NULL, priced INTEGER NOT NULL,
    seconds REAL NOT NULL,
    duration BLOB NOT NULL, ttfc BLOB NOT NULL,
    PRIMARY KEY (hour, who, model, key, class)
) WITHOUT ROWID;

-- GPUs, an hour in a row. A figure counts only windows that knew it.
CREATE TABLE gpu_hour (
    hour INTEGER NOT NULL, who INTEGER NOT NULL REFERENCES who, gpu TEXT NOT NULL,
    name TEXT, windows INTEGER NOT NULL, window_s REAL NOT NULL,
    busy_s REAL NOT NULL, busy_windows INTEGER NOT NULL,
    held_idle_s REAL NOT NULL, idle_windows INTEGER NOT NULL,
    memory_peak INTEGER NOT NULL,
    PRIMARY KEY (hour, who, gpu)
) WITHOUT ROWID;
CREATE TABLE gpu_failure_hour (
    hour INTEGER NOT NULL, who INTEGER NOT NULL REFERENCES who, gpu TEXT NOT NULL,
    class TEXT NOT NULL, failures INTEGER NOT NULL, requested_bytes INTEGER NOT NULL,
    PRIMARY KEY (hour, who, gpu, class)
) WITHOUT ROWID;

-- Runs of the agent that wrote here. `clean` 0 and not running: it died, at most the last second is missing.
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    started INTEGER NOT NULL, written INTEGER NOT NULL, last_seq INTEGER NOT NULL,
    clean INTEGER NOT NULL
);
