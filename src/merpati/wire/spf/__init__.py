"""The Sender Policy Framework: which hosts a domain lets send for it (RFC 7208)."""
