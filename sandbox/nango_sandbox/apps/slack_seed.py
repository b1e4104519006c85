"""The Slack workspace of a new sandbox."""

from datetime import datetime, timedelta

from nango_sandbox.store.documents import Documents

# name, topic, members
_CHANNELS = (
    ("general", "Announcements for everybody", 6),
    ("engineering", "Widgets, gadgets and what breaks them", 4),
    ("sales", "Deals, and what customers ask for", 3),
    ("random", "Anything else", 6),
)

# login, name, title, administrator
_USERS = (
    ("ada", "Ada Byron", "Engineering lead", True),
    ("grace", "Grace Murray", "Backend engineer", False),
    ("linus", "Linus Holm", "Firmware engineer", False),
    ("margaret", "Margaret Heaf", "Customer success", False),
    ("ken", "Ken Lane", "Designer", False),
    ("barbara", "Barbara Huber", "Head of sales", True),
)

# channel, user, text, hours ago, index of the message it replies to
_MESSAGES: tuple[tuple[str, str, str, float, int | None], ...] = (
    ("general", "ada", "Welcome to the workspace! Releases are announced here.", 700, None),
    ("general", "barbara", "We signed Northwind today. Thank you, everybody.", 120, None),
    ("general", "ken", "The office is closed on Friday.", 20, None),
    ("engineering", "grace", "The crash on save is back, with 180 widgets this time.", 95, None),
    ("engineering", "ada", "Is the autosave involved?", 94, 3),
    ("engineering", "linus", "Gadgets 2.4 is flashed on all test devices.", 30, None),
    ("sales", "barbara", "Initech asks for a discount on the renewal.", 52, None),
    ("sales", "margaret", "Globex wants a demo of the new exports next week.", 26, None),
    ("random", "ken", "Who left a gadget in the dishwasher?", 75, None),
    ("random", "linus", "It still works.", 74.5, None),
)


async def seed(documents: Documents, now: datetime) -> None:
    ids = {}
    for name, topic, members in _CHANNELS:
        ids[name] = f"C01{await documents.next_number('channels'):08}"
        channel = {
            "id": ids[name],
            "name": name,
            "topic": topic,
            "is_archived": False,
            "num_members": members,
            "created": int((now - timedelta(days=400)).timestamp()),
        }
        await documents.put("channels", ids[name], channel)
    for number, (login, name, title, admin) in enumerate(_USERS, start=1):
        user = {
            "id": f"U01{number:08}",
            "name": login,
            "real_name": name,
            "email": f"{login}@octo.example",
            "title": title,
            "is_admin": admin,
        }
        await documents.put("users", user["id"], user)
    posted: list[str] = []
    for channel_name, login, text, age, answers in _MESSAGES:
        moment = now - timedelta(hours=age)
        ts = f"{int(moment.timestamp())}.{await documents.next_number('messages'):06}"
        posted.append(ts)
        message = {
            "ts": ts,
            "channel": ids[channel_name],
            "channel_name": channel_name,
            "user": login,
            "text": text,
            "thread_ts": None if answers is None else posted[answers],
            "edited": False,
        }
        await documents.put("messages", f"{ids[channel_name]}/{ts}", message)
