CREATE TABLE links (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code        text        NOT NULL CONSTRAINT links_code_key UNIQUE,
    url         text        NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    expires_at  timestamptz,
    hits        bigint      NOT NULL DEFAULT 0,
    last_hit_at timestamptz,

    CONSTRAINT links_code_format CHECK (code ~ '^[A-Za-z0-9_-]{3,32}$'),
    CONSTRAINT links_url_length CHECK (length(url) BETWEEN 1 AND 2048)
);

-- Only the worker looks for expired links, and most links never expire.
CREATE INDEX links_expires_at_idx ON links (expires_at) WHERE expires_at IS NOT NULL;
