"""Thousands of tools from a file: what they are called and take is the file's, what they do is made up by rule.

reading.py    the file, line by line
naming.py     what a name tells: `list-contact-tags` reads many of the kind "contact tag"
kinds.py      what the actions of an integration tell together about each kind: its id, its fields
made_up.py    values that look the part, the same ones every time
functions.py  reading, creating, changing and deleting documents of a kind
"""

from nango_sandbox.catalog.reading import CatalogError, read_catalog

__all__ = ["CatalogError", "read_catalog"]
