"""Slack: what its actions take and return."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

ChannelRef = Annotated[
    str, Field(description='Id or name of the channel, for example "C0100000001", "general" or "#general".')
]
Timestamp = Annotated[str, Field(description='Timestamp that identifies the message, for example "1795208459.000100".')]
Limit = Annotated[int, Field(ge=1, le=200, description="At most so many results, 100 if omitted.")]


class Channel(TypedDict):
    id: str
    name: str
    topic: str
    is_archived: bool
    num_members: int
    created: int


class Message(TypedDict):
    ts: str
    channel: str
    channel_name: str
    user: str
    text: str
    thread_ts: str | None
    edited: bool


class User(TypedDict):
    id: str
    name: str
    real_name: str
    email: str
    title: str
    is_admin: bool


class ChannelList(TypedDict):
    channels: list[Channel]


class MessageList(TypedDict):
    messages: list[Message]
    has_more: bool


class SearchResult(TypedDict):
    matches: list[Message]
    total: int


class UserList(TypedDict):
    members: list[User]


class Posted(TypedDict):
    ok: bool
    channel: str
    channel_name: str
    ts: str
    text: str


class Done(TypedDict):
    ok: bool
    channel: str
    ts: str


class ListChannels(TypedDict):
    exclude_archived: NotRequired[Annotated[bool, Field(description="Leave out archived channels; true if omitted.")]]
    limit: NotRequired[Limit]


class OneChannel(TypedDict):
    channel: ChannelRef


class History(TypedDict):
    channel: ChannelRef
    oldest: NotRequired[Annotated[str, Field(description="Only messages after this timestamp.")]]
    latest: NotRequired[Annotated[str, Field(description="Only messages before this timestamp.")]]
    limit: NotRequired[Limit]


class Search(TypedDict):
    query: Annotated[str, Field(min_length=1, description="Words that a message must all contain.")]
    count: NotRequired[Annotated[int, Field(ge=1, le=100, description="At most so many matches, 20 if omitted.")]]
    sort_dir: NotRequired[
        Annotated[Literal["asc", "desc"], Field(description="Oldest or newest first; desc if omitted.")]
    ]


class PostMessage(TypedDict):
    channel: ChannelRef
    text: Annotated[str, Field(min_length=1, max_length=40000, description="Text of the message.")]
    thread_ts: NotRequired[Annotated[str, Field(description="Timestamp of the message to reply to in a thread.")]]


class UpdateMessage(TypedDict):
    channel: ChannelRef
    ts: Timestamp
    text: Annotated[str, Field(min_length=1, max_length=40000, description="Text that replaces the present one.")]


class OneMessage(TypedDict):
    channel: ChannelRef
    ts: Timestamp


class CreateChannel(TypedDict):
    name: Annotated[str, Field(min_length=1, max_length=80, description="Lower-case letters, digits, - and _.")]
    topic: NotRequired[Annotated[str, Field(max_length=250, description="What the channel is about.")]]


class SetTopic(TypedDict):
    channel: ChannelRef
    topic: Annotated[str, Field(max_length=250, description="The new topic; empty removes it.")]


class ListUsers(TypedDict):
    limit: NotRequired[Limit]


class LookupUser(TypedDict):
    email: Annotated[str, Field(description="Email address of the user.")]
