"""What the sandbox remembers, in one SQLite file."""
