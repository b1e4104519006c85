"""Who a connection belongs to. Tags say that too, and are what Nango recommends now."""

from typing import Annotated

from pydantic import Field

from nango_tools.models.wire import Name, Sent, Wire

Tags = Annotated[dict[Name, str], Field(max_length=10)]
"""As they are sent. Nango takes no more of them."""


class EndUserProfile(Sent):
    """The deprecated `end_user` of a request; Nango makes the tags end_user_id, end_user_email and so on from it."""

    id: str
    email: str | None = None
    display_name: str | None = None
    tags: dict[str, str] | None = None


class OrganizationProfile(Sent):
    """The deprecated `organization` of a request."""

    id: str
    display_name: str | None = None


class ConnectionOrganization(Wire):
    id: str
    display_name: str | None = None


class ConnectionEndUser(Wire):
    """The deprecated `end_user` of a connection; None on connections that were made with tags alone."""

    id: str
    email: str | None = Field(default=None, repr=False)
    display_name: str | None = None
    tags: dict[str, str] | None = None
    organization: ConnectionOrganization | None = None
