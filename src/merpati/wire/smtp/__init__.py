"""SMTP (RFC 5321): command lines, replies, the DATA stream."""
