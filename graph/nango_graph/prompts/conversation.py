"""What was said before, as far as there is room: counted in tokens, because a message may be a word or a book."""

from collections.abc import Sequence

from langchain_core.messages import AIMessage, AnyMessage, BaseMessage, HumanMessage, trim_messages

from nango_graph.state import Turn

ANNOUNCES = "nango_agent_announces"
"""Marks messages that only announce a question or a link: no model needs to see them."""

FOR_PEOPLE = "nango_agent_for_people"
"""The end of a message that is for people, and that no model needs to see: which rule withheld which tool."""

HISTORY = 6_000
"""Tokens of earlier messages. Outputs of all earlier steps stay referable, whatever is left out here."""

LONGEST = 2_000
"""Tokens of one of them. So the last request and its answer are always there."""

_BYTES = 4
"""In a token, nearly: of Latin script one to four characters, of Chinese or Japanese about one."""


def said_before(turn: Turn, conversation: Sequence[AnyMessage]) -> list[AnyMessage]:
    """The last messages of people and of the agent before this turn, beginning with a person's. Text only."""
    said: list[AnyMessage] = []
    for message in conversation:
        if message.id == turn["message_id"]:
            break
        announces = message.additional_kwargs.get(ANNOUNCES)
        if isinstance(message, HumanMessage | AIMessage) and message.text.strip() and not announces:
            said.append(_in_words(message))
    kept = trim_messages(said, max_tokens=HISTORY, token_counter=tokens_of, strategy="last", start_on="human")
    return [message for message in kept if isinstance(message, HumanMessage | AIMessage)]


def tokens_of(messages: Sequence[BaseMessage]) -> int:
    """Nearly, and the same with every model."""
    return sum(len(_bytes_of(message.text)) // _BYTES + 4 for message in messages)


def _in_words(message: HumanMessage | AIMessage) -> AnyMessage:
    """Without what is for people only; and without tool calls and pictures, whose answers would be missing."""
    ending = message.additional_kwargs.get(FOR_PEOPLE)
    text = message.text.removesuffix(ending).rstrip() if isinstance(ending, str) else message.text
    kind = HumanMessage if isinstance(message, HumanMessage) else AIMessage
    return kind(shortened(text), id=message.id)


def shortened(text: str, tokens: int = LONGEST) -> str:
    """Its beginning and its end, with a line between that says how much was left out."""
    whole, room = _bytes_of(text), tokens * _BYTES
    if len(whole) <= room:
        return text
    # Cut in the middle of a character, the rest of it is dropped.
    first = whole[: room * 3 // 4].decode("utf-8", "ignore")
    last = whole[len(whole) - room // 4 + 100 :].decode("utf-8", "ignore")
    left_out = len(text) - len(first) - len(last)
    return f"{first}\n[… {left_out} characters of this message are left out here …]\n{last}"


def _bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "replace")
