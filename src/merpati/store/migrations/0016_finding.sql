-- What header fields say, ready for searching and sorting: each row holds one field of the
-- messages in one range of UIDs, or what is kept of a whole mailbox (page 0). It is derived
-- from `message` and `mailbox_email`, and may be thrown away.
CREATE TABLE header_page (
  account_id BIGINT NOT NULL,
  mailbox_id BIGINT NOT NULL,
  field BIGINT NOT NULL,                  -- services/finding: Column, or a FIELD
  page BIGINT NOT NULL,                   -- the UIDs from page * 1024 on
  data {bytes} NOT NULL,                  -- zstd
  PRIMARY KEY (account_id, mailbox_id, field, page)
) {clustered};
