"""SMTP sessions on the MX and submission ports."""
