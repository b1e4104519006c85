"""GitHub: repositories, issues, comments and labels."""

from typing import Any

from nango_sandbox.apps.copying import copying
from nango_sandbox.apps.github_seed import seed
from nango_sandbox.apps.github_types import (
    AddComment,
    Comment,
    CommentList,
    CreateIssue,
    CreateLabel,
    Deleted,
    DeleteLabel,
    GithubIssue,
    Issue,
    IssueList,
    Label,
    LabelList,
    ListIssues,
    ListRepositories,
    OneIssue,
    OneRepository,
    Repository,
    RepositoryList,
    UpdateIssue,
)
from nango_sandbox.apps.wire_time import iso
from nango_sandbox.functions.action import Action, Call, Endpoint, Integration, atomic
from nango_sandbox.functions.failures import UpstreamFailed
from nango_sandbox.store.documents import Documents


async def list_repositories(call: Call, wanted: ListRepositories) -> RepositoryList:
    owner = wanted.get("owner")
    held = [each for each in await call.documents.all("repositories") if owner in (None, each["owner"])]
    return {"repositories": [await _counted(call.documents, each) for each in _page(held, wanted)]}


async def get_repository(call: Call, wanted: OneRepository) -> Repository:
    return await _counted(call.documents, await _repository(call.documents, wanted))


async def list_issues(call: Call, wanted: ListIssues) -> IssueList:
    found = [each for each in await _in_repository(call.documents, "issues", wanted) if _matches(each, wanted)]
    order = {"created": "created_at", "updated": "updated_at", "comments": "comments"}[wanted.get("sort", "created")]
    found.sort(key=lambda each: (each[order], each["number"]), reverse=wanted.get("direction", "desc") == "desc")
    return {"issues": _page(found, wanted)}


def _matches(issue: Any, wanted: ListIssues) -> bool:
    state, assignee = wanted.get("state", "open"), wanted.get("assignee")
    labels = {each.strip().lower() for each in wanted.get("labels", "").split(",") if each.strip()}
    people = issue["assignees"]
    assigned = {None: True, "*": bool(people), "none": not people}.get(assignee, assignee in people)
    return state in ("all", issue["state"]) and labels <= {each.lower() for each in issue["labels"]} and assigned


async def get_issue(call: Call, wanted: OneIssue) -> Issue:
    return await _issue(call.documents, wanted)


async def create_issue(call: Call, wanted: CreateIssue) -> Issue:
    repository = (await _repository(call.documents, wanted))["full_name"]
    labels, assignees = wanted.get("labels", []), wanted.get("assignees", [])
    await _make_labels(call.documents, repository, labels)
    await _check_people(call.documents, assignees)
    number = await call.documents.next_number(f"issues of {repository}")
    issue: Issue = {
        "repository": repository,
        "number": number,
        "title": wanted["title"],
        "body": wanted.get("body"),
        "state": "open",
        "labels": labels,
        "assignees": assignees,
        "author": call.actor,
        "comments": 0,
        "html_url": f"https://github.com/{repository}/issues/{number}",
        "created_at": iso(call.now),
        "updated_at": iso(call.now),
        "closed_at": None,
    }
    await call.documents.put("issues", _key(repository, number), issue)
    return issue


async def update_issue(call: Call, wanted: UpdateIssue) -> Issue:
    held = await _issue(call.documents, wanted)
    await _make_labels(call.documents, held["repository"], wanted.get("labels", []))
    await _check_people(call.documents, wanted.get("assignees", []))
    issue: Issue = {
        **held,
        "title": wanted.get("title", held["title"]),
        "body": wanted.get("body", held["body"]),
        "labels": wanted.get("labels", held["labels"]),
        "assignees": wanted.get("assignees", held["assignees"]),
        "state": wanted.get("state", held["state"]),
        "updated_at": iso(call.now),
    }
    if issue["state"] != held["state"]:
        issue["closed_at"] = iso(call.now) if issue["state"] == "closed" else None
    await call.documents.put("issues", _key(issue["repository"], issue["number"]), issue)
    return issue


async def add_issue_comment(call: Call, wanted: AddComment) -> Comment:
    issue = await _issue(call.documents, wanted)
    comment: Comment = {
        "id": await call.documents.next_number("comments", first=1001),
        "repository": issue["repository"],
        "issue_number": issue["number"],
        "author": call.actor,
        "body": wanted["body"],
        "created_at": iso(call.now),
    }
    await call.documents.put("comments", comment["id"], comment)
    discussed: Issue = {**issue, "comments": issue["comments"] + 1, "updated_at": iso(call.now)}
    await call.documents.put("issues", _key(issue["repository"], issue["number"]), discussed)
    return comment


async def list_issue_comments(call: Call, wanted: OneIssue) -> CommentList:
    issue = await _issue(call.documents, wanted)
    held = await _in_repository(call.documents, "comments", wanted)
    return {"comments": [each for each in held if each["issue_number"] == issue["number"]]}


async def list_labels(call: Call, wanted: OneRepository) -> LabelList:
    return {"labels": await _in_repository(call.documents, "labels", wanted)}


async def create_label(call: Call, wanted: CreateLabel) -> Label:
    repository = (await _repository(call.documents, wanted))["full_name"]
    key = _label_key(repository, wanted["name"])
    if await call.documents.get("labels", key) is not None:
        raise _invalid("Label", "name", "already_exists")
    label: Label = {
        "repository": repository,
        "name": wanted["name"],
        "color": wanted.get("color", "ededed").lower(),
        "description": wanted.get("description", ""),
    }
    await call.documents.put("labels", key, label)
    return label


async def delete_label(call: Call, wanted: DeleteLabel) -> Deleted:
    """The label goes from every issue that carries it."""
    repository = (await _repository(call.documents, wanted))["full_name"]
    if not await call.documents.delete("labels", _label_key(repository, wanted["name"])):
        raise _not_found()
    for issue in await _in_repository(call.documents, "issues", wanted):
        kept = [each for each in issue["labels"] if each.lower() != wanted["name"].lower()]
        if kept != issue["labels"]:
            await call.documents.put("issues", _key(repository, issue["number"]), {**issue, "labels": kept})
    return {"success": True}


def _not_found() -> UpstreamFailed:
    return UpstreamFailed(404, {"message": "Not Found", "status": "404"})


def _invalid(resource: str, field: str, code: str) -> UpstreamFailed:
    errors = [{"resource": resource, "field": field, "code": code}]
    return UpstreamFailed(422, {"message": "Validation Failed", "errors": errors, "status": "422"})


def _key(repository: str, number: int) -> str:
    return f"{repository}#{number}"


def _identity(issue: Issue) -> str:
    return _key(issue["repository"], issue["number"])


def _label_key(repository: str, name: str) -> str:
    return f"{repository}/{name.lower()}"


def _page(items: list[Any], wanted: Any) -> list[Any]:
    size, page = wanted.get("per_page", 30), wanted.get("page", 1)
    return items[(page - 1) * size : page * size]


async def _repository(documents: Documents, wanted: Any) -> Any:
    """By owner and name, which are not case sensitive."""
    asked = f"{wanted['owner']}/{wanted['repo']}".lower()
    for each in await documents.all("repositories"):
        if each["full_name"].lower() == asked:
            return each
    raise _not_found()


async def _in_repository(documents: Documents, kind: str, wanted: Any) -> list[Any]:
    repository = (await _repository(documents, wanted))["full_name"]
    return [each for each in await documents.all(kind) if each["repository"] == repository]


async def _counted(documents: Documents, repository: Any) -> Repository:
    issues = [each for each in await documents.all("issues") if each["repository"] == repository["full_name"]]
    found: Any = {**repository, "open_issues_count": sum(each["state"] == "open" for each in issues)}
    counted: Repository = found
    return counted


async def _issue(documents: Documents, wanted: Any) -> Issue:
    repository = (await _repository(documents, wanted))["full_name"]
    found: Issue | None = await documents.get("issues", _key(repository, wanted["issue_number"]))
    if found is None:
        raise _not_found()
    return found


async def _make_labels(documents: Documents, repository: str, names: list[str]) -> None:
    """Labels that the repository lacks are made on the way, as GitHub does it."""
    for name in names:
        if await documents.get("labels", _label_key(repository, name)) is None:
            label: Label = {"repository": repository, "name": name, "color": "ededed", "description": ""}
            await documents.put("labels", _label_key(repository, name), label)


async def _check_people(documents: Documents, logins: list[str]) -> None:
    for login in logins:
        if await documents.get("people", login) is None:
            raise _invalid("Issue", "assignees", "invalid")


_REPO = ("repo",)


def github() -> Integration:
    return Integration(
        key="github",
        provider="github",
        display_name="GitHub",
        categories=("dev-tools", "ticketing"),
        scopes=_REPO,
        seed=seed,
        syncs=(copying("issues", "GithubIssue", GithubIssue, _REPO, path="/github/issues", identity=_identity),),
        actions=atomic(
            Action(
                "list-repositories",
                "List the repositories that the user can see.",
                "read",
                list_repositories,
                _REPO,
                Endpoint("GET", "/repositories"),
            ),
            Action(
                "get-repository", "Get one repository with its number of open issues.", "read", get_repository, _REPO
            ),
            Action(
                "list-issues",
                "List issues of a repository, filtered by state, labels and assignee. Returns open issues unless told"
                " otherwise.",
                "read",
                list_issues,
                _REPO,
                Endpoint("GET", "/issues"),
            ),
            Action("get-issue", "Get one issue of a repository by its number.", "read", get_issue, _REPO),
            Action(
                "create-issue",
                "Open a new issue in a repository.",
                "write",
                create_issue,
                _REPO,
                Endpoint("POST", "/issues"),
            ),
            Action(
                "update-issue",
                "Change an issue's title, text, labels or assignees, or close or reopen it.",
                "write",
                update_issue,
                _REPO,
            ),
            Action("add-issue-comment", "Add a comment to an issue.", "write", add_issue_comment, _REPO),
            Action(
                "list-issue-comments",
                "List the comments on an issue, oldest first.",
                "read",
                list_issue_comments,
                _REPO,
            ),
            Action("list-labels", "List the labels that a repository has.", "read", list_labels, _REPO),
            Action("create-label", "Create a label in a repository.", "write", create_label, _REPO),
            Action(
                "delete-label",
                "Delete a label from a repository and from every issue that carries it.",
                "destructive",
                delete_label,
                _REPO,
            ),
        ),
    )
