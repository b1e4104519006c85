"""What the agent can do: the integrations of an environment, and the tools that connections offer."""

from nango_tools.catalog.definitions import BadDefinition, Definition, read_definitions
from nango_tools.catalog.discovery import Catalog
from nango_tools.catalog.guarding import Admitted, Guard, Held, Unguarded
from nango_tools.catalog.making import AccessRule, Schemas
from nango_tools.catalog.tool import IntegrationSummary, Tool

__all__ = [
    "AccessRule",
    "Admitted",
    "BadDefinition",
    "Catalog",
    "Definition",
    "Guard",
    "Held",
    "IntegrationSummary",
    "Schemas",
    "Tool",
    "Unguarded",
    "read_definitions",
]
