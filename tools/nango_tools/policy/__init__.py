"""What the operator allows, what a human must decide, and what is never done.

located.py       YAML in which every value knows its line
reading.py       the form of the file: every complaint has file and line
globs.py         patterns over names
conditions.py    questions about arguments; schema_form.py: what may stand in a schema
rule.py          does a rule match a call, surely or perhaps
policy.py        the rules together: what is to become of the call
"""

from nango_tools.policy.globs import Glob, ToolGlob
from nango_tools.policy.policy import Policy
from nango_tools.policy.reading import PolicyError
from nango_tools.policy.rule import AccessRule, Rule
from nango_tools.policy.ruling import USER, Action, Definitions, Effect, Ruling, Subject

__all__ = [
    "USER",
    "AccessRule",
    "Action",
    "Definitions",
    "Effect",
    "Glob",
    "Policy",
    "PolicyError",
    "Rule",
    "Ruling",
    "Subject",
    "ToolGlob",
]
