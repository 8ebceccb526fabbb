"""Sockets and subprocesses: listen, stream, TLS, DNS, the SMTP client, HTTP."""
