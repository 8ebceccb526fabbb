"""DMARC: is the domain in From authenticated, and what does its owner want when not (RFC 9989)."""
