"""What goes wrong on our side of the wire.

AgentError
├── UsageError        the code that embeds the graph, or the deployment, left something out; raised at the first run
│   └── NotAsked      an answer to what is not asked now
└── ModelError        the chat model could not be asked, or did not answer in the agreed form
"""


class AgentError(Exception):
    """Base of the agent's own errors. `str()` is one sentence for a person: what happened and what to do."""


class UsageError(AgentError, ValueError):
    """Wrong use of the graph by the code around it, or a deployment that lacks a setting.

    A `ValueError` too: of other classes the LangGraph server tells its clients only "An internal error occurred".
    """


class NotAsked(UsageError):
    """A decision on something that is not asked now: it was answered already, or something else came first."""


class ModelError(AgentError):
    """The chat model failed. Nothing was executed because of it."""
