"""Backups: taken from a running server, proven, kept for a while, brought back."""
