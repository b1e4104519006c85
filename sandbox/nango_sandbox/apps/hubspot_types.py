"""HubSpot: what its actions take and return."""

from typing import Annotated, Literal, NotRequired, TypeVar

from pydantic import Field
from typing_extensions import TypedDict

Stage = Literal[
    "appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "contractsent", "closedwon", "closedlost"
]
Limit = Annotated[int, Field(ge=1, le=100, description="At most so many results, 50 if omitted.")]
After = Annotated[str, Field(description="Cursor from next_cursor of the previous page; omit it for the first page.")]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", description="Email address.")]
ContactId = Annotated[str, Field(description="Id of the contact.")]
DealId = Annotated[str, Field(description="Id of the deal.")]
Amount = Annotated[float, Field(ge=0, description="Amount of the deal, in the currency of the account.")]
CloseDate = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", description="Expected closing day, YYYY-MM-DD.")]
DealStage = Annotated[Stage, Field(description="Stage of the pipeline that the deal is in.")]


class Contact(TypedDict):
    id: str
    first_name: str
    last_name: str
    email: str
    phone: str | None
    job_title: str | None
    company: str | None
    lifecycle_stage: str
    created_at: str
    updated_at: str


class Company(TypedDict):
    id: str
    name: str
    domain: str | None
    industry: str | None
    city: str | None
    created_at: str


class Deal(TypedDict):
    id: str
    name: str
    stage: Stage
    amount: float | None
    close_date: str | None
    company: str | None
    owner: str
    created_at: str
    updated_at: str


Changeable = TypeVar("Changeable", Contact, Deal)


class ContactList(TypedDict):
    contacts: list[Contact]
    next_cursor: str | None


class CompanyList(TypedDict):
    companies: list[Company]
    next_cursor: str | None


class DealList(TypedDict):
    deals: list[Deal]
    next_cursor: str | None


class Deleted(TypedDict):
    id: str
    deleted: bool


class Listing(TypedDict):
    limit: NotRequired[Limit]
    after: NotRequired[After]


class SearchContacts(TypedDict):
    query: Annotated[
        str, Field(min_length=1, description="Words to look for in name, email address, phone, job title and company.")
    ]
    limit: NotRequired[Limit]


class OneContact(TypedDict):
    contact_id: ContactId


class CreateContact(TypedDict):
    email: Email
    first_name: NotRequired[Annotated[str, Field(description="First name.")]]
    last_name: NotRequired[Annotated[str, Field(description="Last name.")]]
    phone: NotRequired[Annotated[str, Field(description="Phone number.")]]
    job_title: NotRequired[Annotated[str, Field(description="What the person does.")]]
    company: NotRequired[Annotated[str, Field(description="Name of the person's company.")]]


class UpdateContact(TypedDict):
    contact_id: ContactId
    email: NotRequired[Email]
    first_name: NotRequired[Annotated[str, Field(description="New first name.")]]
    last_name: NotRequired[Annotated[str, Field(description="New last name.")]]
    phone: NotRequired[Annotated[str, Field(description="New phone number.")]]
    job_title: NotRequired[Annotated[str, Field(description="New job title.")]]
    company: NotRequired[Annotated[str, Field(description="Name of the new company.")]]
    lifecycle_stage: NotRequired[
        Annotated[
            Literal["subscriber", "lead", "opportunity", "customer", "evangelist"],
            Field(description="How far the person is on the way to being a customer."),
        ]
    ]


class CreateCompany(TypedDict):
    name: Annotated[str, Field(min_length=1, description="Name of the company.")]
    domain: NotRequired[Annotated[str, Field(description='Its web domain, for example "initech.example".')]]
    industry: NotRequired[Annotated[str, Field(description="What it does.")]]
    city: NotRequired[Annotated[str, Field(description="Where it is.")]]


class ListDeals(TypedDict):
    stage: NotRequired[DealStage]
    limit: NotRequired[Limit]
    after: NotRequired[After]


class CreateDeal(TypedDict):
    name: Annotated[str, Field(min_length=1, description="Name of the deal.")]
    stage: NotRequired[DealStage]
    amount: NotRequired[Amount]
    close_date: NotRequired[CloseDate]
    company: NotRequired[Annotated[str, Field(description="Name of the company that buys.")]]


class UpdateDeal(TypedDict):
    deal_id: DealId
    name: NotRequired[Annotated[str, Field(min_length=1, description="New name.")]]
    stage: NotRequired[DealStage]
    amount: NotRequired[Amount]
    close_date: NotRequired[CloseDate]


class OneDeal(TypedDict):
    deal_id: DealId
