"""The documented HTTP API under /api/v1: administration, one's own mail's roads, sending."""
