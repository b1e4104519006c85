"""The tools of the Management MCP, one subject a file."""
