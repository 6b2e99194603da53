-- What the worker found the last time it fetched a link's target.
ALTER TABLE links
    ADD COLUMN checked_at    timestamptz,
    ADD COLUMN check_status  integer     NOT NULL DEFAULT 0,
    ADD COLUMN check_title   text        NOT NULL DEFAULT '',
    ADD COLUMN check_error   text        NOT NULL DEFAULT '',
    ADD COLUMN next_check_at timestamptz NOT NULL DEFAULT now();

CREATE INDEX links_next_check_at_idx ON links (next_check_at);
