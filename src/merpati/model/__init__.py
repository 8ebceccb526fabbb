"""Mail nouns and their rules: no bytes, no disk, no network."""
