"""ManageSieve sessions."""
