"""Sieve, the language in which people say what becomes of their mail (RFC 5228)."""
