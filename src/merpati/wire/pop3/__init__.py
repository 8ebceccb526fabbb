"""POP3 (RFC 1939, 2449): command lines and responses."""
