"""S/MIME as values: the structures that a signature is made of (RFC 5652, RFC 8551). Pure."""
