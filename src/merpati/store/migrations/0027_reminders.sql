-- Emails that come up at a time: snoozed ones, and sent ones that nobody has answered by then
-- (store/reminders.py). A row of an email that is gone, or was taken out of the mailbox for
-- snoozed mail, is void, and goes when its time comes.
CREATE TABLE reminder (
  account_id BIGINT NOT NULL,
  email_id BIGINT NOT NULL,
  kind TEXT NOT NULL,                     -- snooze, follow-up
  due_at BIGINT NOT NULL,                 -- Unix milliseconds
  since BIGINT NOT NULL,                  -- what came after it is an answer; Unix milliseconds
  mailboxes TEXT NOT NULL,                -- where a snoozed one comes back to: ids, by spaces
  keywords TEXT NOT NULL,                 -- JSON: those that are set (true) and taken (false) then
  PRIMARY KEY (account_id, email_id, kind)
) {clustered};
CREATE INDEX reminder_due ON reminder (due_at);
