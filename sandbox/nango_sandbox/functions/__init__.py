"""Action functions: what they declare, and how the sandbox runs them."""
