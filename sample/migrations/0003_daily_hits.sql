-- One row per link and UTC day on which it was followed.
CREATE TABLE link_hits_daily (
    link_id bigint NOT NULL REFERENCES links (id) ON DELETE CASCADE,
    day     date   NOT NULL,
    hits    bigint NOT NULL,

    PRIMARY KEY (link_id, day)
);
