-- Who has been told that little room is left, until there is some again (services/quota_warnings.py).
ALTER TABLE account ADD COLUMN quota_warned BIGINT NOT NULL DEFAULT 0;
ALTER TABLE domain_quota ADD COLUMN quota_warned BIGINT NOT NULL DEFAULT 0;
