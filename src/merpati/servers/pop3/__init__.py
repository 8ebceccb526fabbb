"""POP3 sessions."""
