"""The GitHub workspace of a new sandbox: two repositories with a life of some weeks."""

from datetime import datetime, timedelta

from nango_sandbox.apps.wire_time import iso
from nango_sandbox.store.documents import Documents

_PEOPLE = ("ada", "grace", "linus", "margaret", "ken", "barbara")

_REPOSITORIES = (
    ("widgets", "The widget editor: canvas, autosave and exports.", 410),
    ("gadgets", "Firmware and tooling for the gadget line.", 260),
)

_LABELS = (
    ("bug", "d73a4a", "Something does not work"),
    ("enhancement", "a2eeef", "A wish"),
    ("docs", "0075ca", "Documentation"),
    ("stale", "cfd3d7", "Nothing happened for a long time"),
    ("triage", "fbca04", "Needs somebody to look at it"),
    ("p1", "b60205", "Before anything else"),
)

# repository, title, text, labels, assignees, author, opened so many days ago, closed so many days ago
_ISSUES: tuple[tuple[str, str, str, tuple[str, ...], tuple[str, ...], str, float, float | None], ...] = (
    ("widgets", "Rename the export menu", "Users look for it under File.", ("enhancement",), ("ada",), "ken", 61, 40),
    ("widgets", "Crash on save", "Saving a canvas with 200 widgets crashes the editor.", ("bug", "p1"), ("grace",),
     "margaret", 33, None),
    ("widgets", "Dark mode for the canvas", "The panels follow the system theme, the canvas does not.",
     ("enhancement",), (), "barbara", 27, None),
    ("widgets", "Document the plugin API", "There is an example, but no reference.", ("docs",), ("ada",), "linus", 21,
     None),
    ("widgets", "Undo forgets grouped moves", "Moving a group and undoing moves one widget only.", ("bug",), (),
     "grace", 12, None),
    ("widgets", "Typo on the welcome page", "It says 'Wellcome'.", ("docs",), ("ken",), "ada", 9, 7),
    ("widgets", "Autosave runs while offline", "It fails every ten seconds and fills the log.", ("bug", "triage"), (),
     "margaret", 2.5, None),
    ("gadgets", "Battery gauge shows 101 %", "After a full charge, for some minutes.", ("bug",), ("linus",), "ken", 48,
     None),
    ("gadgets", "Support the old dock connector", "Three customers still have one.", ("enhancement", "stale"), (),
     "barbara", 190, None),
    ("gadgets", "Drop the parallel-port flasher", "Nobody has such a port.", ("stale",), (), "linus", 175, None),
    ("gadgets", "Flashing fails on slow USB hubs", "The time-out of two seconds is too short.", ("bug", "p1"),
     ("linus", "grace"), "ada", 15, None),
    ("gadgets", "Release notes for 2.4", "Collect them from the merged changes.", ("docs",), ("barbara",), "margaret",
     6, None),
    ("gadgets", "LED stays on in sleep", "Costs about a day of battery life.", ("bug",), ("ken",), "grace", 30, 18),
)  # fmt: skip

# repository, issue, author, text, days ago
_COMMENTS = (
    ("widgets", 2, "grace", "I can reproduce it with 180 widgets as well.", 31.0),
    ("widgets", 2, "margaret", "A customer lost an hour of work to this yesterday.", 4.0),
    ("widgets", 4, "ada", "I have a draft for the first half.", 10.0),
    ("gadgets", 1, "linus", "It is a rounding error in the driver.", 44.0),
    ("gadgets", 4, "grace", "Ten seconds would be plenty.", 14.0),
)


async def seed(documents: Documents, now: datetime) -> None:
    for login in _PEOPLE:
        await documents.put("people", login, {"login": login})
    for number, (name, description, age) in enumerate(_REPOSITORIES, start=1):
        repository = {
            "id": 7000 + number,
            "full_name": f"octo/{name}",
            "owner": "octo",
            "name": name,
            "description": description,
            "private": False,
            "default_branch": "main",
            "created_at": iso(now - timedelta(days=age)),
        }
        await documents.put("repositories", repository["full_name"], repository)
        for label, color, meaning in _LABELS:
            body = {"repository": f"octo/{name}", "name": label, "color": color, "description": meaning}
            await documents.put("labels", f"octo/{name}/{label}", body)
    for name, title, text, labels, assignees, author, opened, closed in _ISSUES:
        repository_name = f"octo/{name}"
        issue_number = await documents.next_number(f"issues of {repository_name}")
        said = [each for each in _COMMENTS if each[:2] == (name, issue_number)]
        changed = min([opened, *([closed] if closed else []), *(each[4] for each in said)])
        issue = {
            "repository": repository_name,
            "number": issue_number,
            "title": title,
            "body": text,
            "state": "open" if closed is None else "closed",
            "labels": list(labels),
            "assignees": list(assignees),
            "author": author,
            "comments": len(said),
            "html_url": f"https://github.com/{repository_name}/issues/{issue_number}",
            "created_at": iso(now - timedelta(days=opened)),
            "updated_at": iso(now - timedelta(days=changed)),
            "closed_at": None if closed is None else iso(now - timedelta(days=closed)),
        }
        await documents.put("issues", f"{repository_name}#{issue_number}", issue)
    for name, issue_number, author, text, age_in_days in _COMMENTS:
        comment = {
            "id": await documents.next_number("comments", first=1001),
            "repository": f"octo/{name}",
            "issue_number": issue_number,
            "author": author,
            "body": text,
            "created_at": iso(now - timedelta(days=age_in_days)),
        }
        await documents.put("comments", comment["id"], comment)
