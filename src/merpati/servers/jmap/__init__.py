"""JMAP over HTTP and WebSocket (RFC 8620, RFC 8621, RFC 8887)."""
