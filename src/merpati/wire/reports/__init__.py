"""Reports on mail authentication that domains send each other: written and read (RFC 9990)."""
