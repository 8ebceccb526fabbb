"""IMAP (RFC 3501, 9051): lexer, commands, sets, names, responses."""
