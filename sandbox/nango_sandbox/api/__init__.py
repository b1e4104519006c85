"""Nango's HTTP API, one subject a file."""
