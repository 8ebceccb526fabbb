-- By what a message of another server is known when its name there changes, and why one is not here.
ALTER TABLE remote_message ADD COLUMN hash {bytes};          -- BLAKE3 of its octets; NULL: unknown
ALTER TABLE remote_message ADD COLUMN tries BIGINT NOT NULL DEFAULT 0;   -- in vain; 0: or for good
ALTER TABLE remote_message ADD COLUMN problem TEXT NOT NULL DEFAULT '';  -- why it is not here
UPDATE remote_message SET hash = (
  SELECT b.hash FROM remote_folder f
  JOIN mailbox_email e ON e.account_id = f.account_id AND e.mailbox_id = f.mailbox_id
  JOIN blob b ON b.id = e.blob_id
  WHERE f.account_id = remote_message.account_id AND f.id = remote_message.folder_id
    AND e.uid = remote_message.uid
) WHERE uid > 0;
