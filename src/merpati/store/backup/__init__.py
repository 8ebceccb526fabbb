"""Backups as they lie on a disk: a repository of objects, and the store's rows in it."""
