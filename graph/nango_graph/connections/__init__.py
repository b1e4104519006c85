"""A requester's connections: which are there, which one to use, and links that make new ones."""
