"""JMAP as values (RFC 8620): requests, references between calls, errors, patches. Pure."""
