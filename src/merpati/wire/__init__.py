"""Peers' bytes to values and back: pure grammars without sockets, clock or store."""
