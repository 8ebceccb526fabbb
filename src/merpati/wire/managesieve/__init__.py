"""ManageSieve (RFC 5804): commands and responses."""
