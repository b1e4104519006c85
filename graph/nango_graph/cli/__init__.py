"""The terminal: `nango-agent demo | chat | run`."""
