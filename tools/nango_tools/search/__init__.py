"""Which tools a request may need: a local search, and the same with embeddings. How, and how well: README.md beside this file."""

from nango_tools.search.hits import Hit
from nango_tools.search.hybrid import HybridSearch
from nango_tools.search.tool_search import ToolSearch

__all__ = ["Hit", "HybridSearch", "ToolSearch"]
