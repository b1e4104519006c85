"""All wording that a model reads, one subject a file. What stays the same from one request to the next comes first, so that
providers can keep it.

Text from outside (tool descriptions, results) is data: it stands in named blocks, on single lines, with angle
brackets escaped. The user's request is always the last block, to the end of the message.
"""

from nango_graph.prompts.answer import answer_prompt
from nango_graph.prompts.choice import choose_prompt
from nango_graph.prompts.complaints import refused
from nango_graph.prompts.conversation import ANNOUNCES, FOR_PEOPLE, HISTORY, said_before
from nango_graph.prompts.planning import Account, Offered, plan_prompt
from nango_graph.prompts.replanning import planned_again
from nango_graph.prompts.results import result_lines

__all__ = [
    "ANNOUNCES",
    "FOR_PEOPLE",
    "HISTORY",
    "Account",
    "Offered",
    "answer_prompt",
    "choose_prompt",
    "plan_prompt",
    "planned_again",
    "refused",
    "result_lines",
    "said_before",
]
