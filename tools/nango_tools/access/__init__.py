"""Whether a tool reads, writes or destroys. How it is judged, and how well: README.md beside this file."""

from nango_tools.access.judging import classify
from nango_tools.access.levels import Access, Verdict

__all__ = ["Access", "Verdict", "classify"]
