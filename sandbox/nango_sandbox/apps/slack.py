"""Slack: channels, messages and users."""

import re
from datetime import datetime

from nango_sandbox.apps.copying import copying
from nango_sandbox.apps.slack_seed import seed
from nango_sandbox.apps.slack_types import (
    Channel,
    ChannelList,
    CreateChannel,
    Done,
    History,
    ListChannels,
    ListUsers,
    LookupUser,
    Message,
    MessageList,
    OneChannel,
    OneMessage,
    Posted,
    PostMessage,
    Search,
    SearchResult,
    SetTopic,
    UpdateMessage,
    User,
    UserList,
)
from nango_sandbox.functions.action import Action, Call, Endpoint, Integration, atomic
from nango_sandbox.functions.failures import UpstreamFailed
from nango_sandbox.store.documents import Documents


async def list_channels(call: Call, wanted: ListChannels) -> ChannelList:
    archived = not wanted.get("exclude_archived", True)
    held = [each for each in await call.documents.all("channels") if archived or not each["is_archived"]]
    return {"channels": held[: wanted.get("limit", 100)]}


async def get_channel_info(call: Call, wanted: OneChannel) -> Channel:
    return await _channel(call.documents, wanted["channel"])


async def get_conversation_history(call: Call, wanted: History) -> MessageList:
    channel = await _channel(call.documents, wanted["channel"])
    oldest, latest = _seconds(wanted.get("oldest", "0")), _seconds(wanted.get("latest", "99999999999"))
    held = [
        each
        for each in await _newest_first(call.documents)
        if each["channel"] == channel["id"] and oldest < _seconds(each["ts"]) < latest
    ]
    limit = wanted.get("limit", 100)
    return {"messages": held[:limit], "has_more": len(held) > limit}


async def search_messages(call: Call, wanted: Search) -> SearchResult:
    words = wanted["query"].lower().split()
    found = [
        each for each in await _newest_first(call.documents) if all(word in each["text"].lower() for word in words)
    ]
    if wanted.get("sort_dir") == "asc":
        found.reverse()
    return {"matches": found[: wanted.get("count", 20)], "total": len(found)}


async def post_message(call: Call, wanted: PostMessage) -> Posted:
    channel = await _open_channel(call.documents, wanted["channel"])
    thread_ts = wanted.get("thread_ts")
    if thread_ts is not None:
        await _message(call.documents, channel, thread_ts, "thread_not_found")
    number = await call.documents.next_number("messages")
    message: Message = {
        "ts": timestamp(call.now, number),
        "channel": channel["id"],
        "channel_name": channel["name"],
        "user": call.actor,
        "text": wanted["text"],
        "thread_ts": thread_ts,
        "edited": False,
    }
    await call.documents.put("messages", _key(channel, message["ts"]), message)
    return {
        "ok": True,
        "channel": channel["id"],
        "channel_name": channel["name"],
        "ts": message["ts"],
        "text": message["text"],
    }


async def update_message(call: Call, wanted: UpdateMessage) -> Posted:
    channel = await _open_channel(call.documents, wanted["channel"])
    message = await _message(call.documents, channel, wanted["ts"])
    edited: Message = {**message, "text": wanted["text"], "edited": True}
    await call.documents.put("messages", _key(channel, wanted["ts"]), edited)
    return {
        "ok": True,
        "channel": channel["id"],
        "channel_name": channel["name"],
        "ts": wanted["ts"],
        "text": wanted["text"],
    }


async def delete_message(call: Call, wanted: OneMessage) -> Done:
    channel = await _channel(call.documents, wanted["channel"])
    await _message(call.documents, channel, wanted["ts"])
    await call.documents.delete("messages", _key(channel, wanted["ts"]))
    return {"ok": True, "channel": channel["id"], "ts": wanted["ts"]}


async def create_channel(call: Call, wanted: CreateChannel) -> Channel:
    name = wanted["name"].removeprefix("#")
    if not re.fullmatch(r"[a-z0-9_-]+", name):
        raise _refused(400, "invalid_name_specials")
    if any(each["name"] == name for each in await call.documents.all("channels")):
        raise _refused(409, "name_taken")
    channel: Channel = {
        "id": f"C01{await call.documents.next_number('channels'):08}",
        "name": name,
        "topic": wanted.get("topic", ""),
        "is_archived": False,
        "num_members": 1,
        "created": int(call.now.timestamp()),
    }
    await call.documents.put("channels", channel["id"], channel)
    return channel


async def set_channel_topic(call: Call, wanted: SetTopic) -> Channel:
    channel = await _open_channel(call.documents, wanted["channel"])
    channel["topic"] = wanted["topic"]
    await call.documents.put("channels", channel["id"], channel)
    return channel


async def archive_channel(call: Call, wanted: OneChannel) -> Channel:
    channel = await _channel(call.documents, wanted["channel"])
    if channel["name"] == "general":
        raise _refused(403, "cant_archive_general")
    if channel["is_archived"]:
        raise _refused(409, "already_archived")
    channel["is_archived"] = True
    await call.documents.put("channels", channel["id"], channel)
    return channel


async def list_users(call: Call, wanted: ListUsers) -> UserList:
    held = await call.documents.all("users")
    return {"members": held[: wanted.get("limit", 100)]}


async def lookup_user_by_email(call: Call, wanted: LookupUser) -> User:
    users: list[User] = await call.documents.all("users")
    for each in users:
        if each["email"].lower() == wanted["email"].strip().lower():
            return each
    raise _refused(404, "users_not_found")


def timestamp(moment: datetime, number: int) -> str:
    """Slack's ids of messages: seconds, and a part that keeps two of one second apart."""
    return f"{int(moment.timestamp())}.{number:06}"


def _seconds(ts: str) -> float:
    try:
        return float(ts)
    except ValueError as error:
        raise _refused(400, "invalid_ts") from error


def _refused(status: int, code: str) -> UpstreamFailed:
    """As the sandbox's Slack has it. The real one answers 200 with `ok: false`, which its actions turn into an error."""
    return UpstreamFailed(status, {"ok": False, "error": code})


def _key(channel: Channel, ts: str) -> str:
    return f"{channel['id']}/{ts}"


async def _channel(documents: Documents, asked: str) -> Channel:
    name = asked.strip().removeprefix("#").lower()
    channels: list[Channel] = await documents.all("channels")
    for each in channels:
        if name in (each["id"].lower(), each["name"]):
            return each
    raise _refused(404, "channel_not_found")


async def _open_channel(documents: Documents, asked: str) -> Channel:
    channel = await _channel(documents, asked)
    if channel["is_archived"]:
        raise _refused(403, "is_archived")
    return channel


async def _message(documents: Documents, channel: Channel, ts: str, code: str = "message_not_found") -> Message:
    found: Message | None = await documents.get("messages", _key(channel, ts))
    if found is None:
        raise _refused(404, code)
    return found


async def _newest_first(documents: Documents) -> list[Message]:
    return sorted(await documents.all("messages"), key=lambda each: _seconds(each["ts"]), reverse=True)


_READ, _WRITE, _MANAGE = ("channels:read",), ("chat:write",), ("channels:manage",)


def slack() -> Integration:
    return Integration(
        key="slack",
        provider="slack",
        display_name="Slack",
        categories=("communication",),
        scopes=("channels:read", "channels:history", "channels:manage", "chat:write", "search:read", "users:read"),
        seed=seed,
        syncs=(
            copying("channels", "SlackChannel", Channel, _READ, path="/slack/channels"),
            copying("users", "SlackUser", User, ("users:read",), path="/slack/users", frequency="every day"),
        ),
        actions=atomic(
            Action(
                "list-channels",
                "List the channels of the workspace.",
                "read",
                list_channels,
                _READ,
                Endpoint("GET", "/channels"),
            ),
            Action(
                "get-channel-info",
                "Get one channel with its topic and number of members.",
                "read",
                get_channel_info,
                _READ,
            ),
            Action(
                "get-conversation-history",
                "Get the messages of a channel, newest first.",
                "read",
                get_conversation_history,
                ("channels:history",),
            ),
            Action(
                "search-messages",
                "Search the messages of all channels for words.",
                "read",
                search_messages,
                ("search:read",),
            ),
            Action(
                "post-message",
                "Post a message to a channel, or a reply to a thread.",
                "write",
                post_message,
                _WRITE,
                Endpoint("POST", "/messages"),
            ),
            Action("update-message", "Replace the text of a message that was posted.", "write", update_message, _WRITE),
            Action("delete-message", "Delete a message from a channel.", "destructive", delete_message, _WRITE),
            Action("create-channel", "Create a public channel.", "write", create_channel, _MANAGE),
            Action("set-channel-topic", "Set the topic of a channel.", "write", set_channel_topic, _MANAGE),
            Action(
                "archive-channel",
                "Archive a channel, so that nobody can post to it any more.",
                "destructive",
                archive_channel,
                _MANAGE,
            ),
            Action("list-users", "List the people of the workspace.", "read", list_users, ("users:read",)),
            Action(
                "lookup-user-by-email",
                "Find the person who has an email address.",
                "read",
                lookup_user_by_email,
                ("users:read", "users:read.email"),
            ),
        ),
    )
