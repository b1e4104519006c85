"""GitHub: what its actions take and return."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

Owner = Annotated[str, Field(description='Account that owns the repository, for example "octo".')]
Repo = Annotated[str, Field(description='Name of the repository without its owner, for example "widgets".')]
IssueNumber = Annotated[int, Field(description="Number of the issue within its repository.")]
PerPage = Annotated[int, Field(ge=1, le=100, description="Results per page, 30 if omitted.")]
Page = Annotated[int, Field(ge=1, description="Page to return, the first is 1.")]


class Repository(TypedDict):
    id: int
    full_name: str
    owner: str
    name: str
    description: str
    private: bool
    default_branch: str
    open_issues_count: int
    created_at: str


class Issue(TypedDict):
    repository: str
    number: int
    title: str
    body: str | None
    state: Literal["open", "closed"]
    labels: list[str]
    assignees: list[str]
    author: str
    comments: int
    html_url: str
    created_at: str
    updated_at: str
    closed_at: str | None


class GithubIssue(Issue):
    """As a sync copies it. id: repository and number, `octo/widgets#7`"""

    id: str


class Comment(TypedDict):
    id: int
    repository: str
    issue_number: int
    author: str
    body: str
    created_at: str


class Label(TypedDict):
    repository: str
    name: str
    color: str
    description: str


class RepositoryList(TypedDict):
    repositories: list[Repository]


class IssueList(TypedDict):
    issues: list[Issue]


class CommentList(TypedDict):
    comments: list[Comment]


class LabelList(TypedDict):
    labels: list[Label]


class Deleted(TypedDict):
    success: bool


class ListRepositories(TypedDict):
    owner: NotRequired[Annotated[str, Field(description="Only repositories of this account.")]]
    per_page: NotRequired[PerPage]
    page: NotRequired[Page]


class OneRepository(TypedDict):
    owner: Owner
    repo: Repo


class ListIssues(TypedDict):
    owner: Owner
    repo: Repo
    state: NotRequired[
        Annotated[Literal["open", "closed", "all"], Field(description="Which issues to return; open ones if omitted.")]
    ]
    labels: NotRequired[
        Annotated[str, Field(description='Comma-separated labels that an issue must all carry, for example "bug,p1".')]
    ]
    assignee: NotRequired[
        Annotated[str, Field(description='Login of an assignee; "none" for unassigned issues, "*" for assigned ones.')]
    ]
    sort: NotRequired[
        Annotated[Literal["created", "updated", "comments"], Field(description="What to order by; created if omitted.")]
    ]
    direction: NotRequired[
        Annotated[Literal["asc", "desc"], Field(description="Order of the results; desc if omitted.")]
    ]
    per_page: NotRequired[PerPage]
    page: NotRequired[Page]


class OneIssue(TypedDict):
    owner: Owner
    repo: Repo
    issue_number: IssueNumber


class CreateIssue(TypedDict):
    owner: Owner
    repo: Repo
    title: Annotated[str, Field(min_length=1, description="Title of the issue.")]
    body: NotRequired[Annotated[str, Field(description="Text of the issue, in Markdown.")]]
    labels: NotRequired[Annotated[list[str], Field(description="Names of labels to put on it.")]]
    assignees: NotRequired[Annotated[list[str], Field(description="Logins of the people to assign.")]]


class UpdateIssue(TypedDict):
    owner: Owner
    repo: Repo
    issue_number: IssueNumber
    title: NotRequired[Annotated[str, Field(min_length=1, description="New title.")]]
    body: NotRequired[Annotated[str | None, Field(description="New text; null empties it.")]]
    state: NotRequired[Annotated[Literal["open", "closed"], Field(description="Whether the issue is open or closed.")]]
    labels: NotRequired[Annotated[list[str], Field(description="Labels that replace the present ones.")]]
    assignees: NotRequired[Annotated[list[str], Field(description="Assignees that replace the present ones.")]]


class AddComment(TypedDict):
    owner: Owner
    repo: Repo
    issue_number: IssueNumber
    body: Annotated[str, Field(min_length=1, description="Text of the comment, in Markdown.")]


class CreateLabel(TypedDict):
    owner: Owner
    repo: Repo
    name: Annotated[str, Field(min_length=1, max_length=50, description="Name of the label.")]
    color: NotRequired[
        Annotated[str, Field(pattern="^[0-9a-fA-F]{6}$", description='Six hexadecimal digits, for example "d73a4a".')]
    ]
    description: NotRequired[Annotated[str, Field(max_length=100, description="What the label is for.")]]


class DeleteLabel(TypedDict):
    owner: Owner
    repo: Repo
    name: Annotated[str, Field(description="Name of the label.")]
