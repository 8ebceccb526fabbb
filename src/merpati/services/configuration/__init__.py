"""Domains, accounts, aliases and lists as one text: exported, compared, applied, rolled back."""
