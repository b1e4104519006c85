"""HubSpot: contacts, companies and deals."""

from typing import Any

from nango_sandbox.apps.copying import copying
from nango_sandbox.apps.hubspot_seed import seed
from nango_sandbox.apps.hubspot_types import (
    Changeable,
    Company,
    CompanyList,
    Contact,
    ContactList,
    CreateCompany,
    CreateContact,
    CreateDeal,
    Deal,
    DealList,
    Deleted,
    ListDeals,
    Listing,
    OneContact,
    OneDeal,
    SearchContacts,
    UpdateContact,
    UpdateDeal,
)
from nango_sandbox.apps.wire_time import iso
from nango_sandbox.functions.action import Action, Call, Endpoint, Integration, atomic
from nango_sandbox.functions.failures import UpstreamFailed
from nango_sandbox.store.documents import Documents


async def list_contacts(call: Call, wanted: Listing) -> ContactList:
    contacts, cursor = _page(await call.documents.all("contacts"), wanted)
    return {"contacts": contacts, "next_cursor": cursor}


async def search_contacts(call: Call, wanted: SearchContacts) -> ContactList:
    words = wanted["query"].lower().split()
    fields = ("first_name", "last_name", "email", "phone", "job_title", "company")
    found = [
        each
        for each in await call.documents.all("contacts")
        if all(word in " ".join(each[field] or "" for field in fields).lower() for word in words)
    ]
    return {"contacts": found[: wanted.get("limit", 50)], "next_cursor": None}


async def get_contact(call: Call, wanted: OneContact) -> Contact:
    contact: Contact = await _held(call.documents, "contacts", wanted["contact_id"])
    return contact


async def create_contact(call: Call, wanted: CreateContact) -> Contact:
    await _check_email_is_free(call.documents, wanted["email"])
    contact: Contact = {
        "id": str(await call.documents.next_number("contacts", first=101)),
        "first_name": wanted.get("first_name", ""),
        "last_name": wanted.get("last_name", ""),
        "email": wanted["email"],
        "phone": wanted.get("phone"),
        "job_title": wanted.get("job_title"),
        "company": wanted.get("company"),
        "lifecycle_stage": "lead",
        "created_at": iso(call.now),
        "updated_at": iso(call.now),
    }
    await call.documents.put("contacts", contact["id"], contact)
    return contact


async def update_contact(call: Call, wanted: UpdateContact) -> Contact:
    contact: Contact = await _held(call.documents, "contacts", wanted["contact_id"])
    if "email" in wanted:
        await _check_email_is_free(call.documents, wanted["email"], besides=contact["id"])
    return await _changed(call, "contacts", contact, wanted)


async def delete_contact(call: Call, wanted: OneContact) -> Deleted:
    return await _deleted(call.documents, "contacts", wanted["contact_id"])


async def list_companies(call: Call, wanted: Listing) -> CompanyList:
    companies, cursor = _page(await call.documents.all("companies"), wanted)
    return {"companies": companies, "next_cursor": cursor}


async def create_company(call: Call, wanted: CreateCompany) -> Company:
    company: Company = {
        "id": str(await call.documents.next_number("companies", first=501)),
        "name": wanted["name"],
        "domain": wanted.get("domain"),
        "industry": wanted.get("industry"),
        "city": wanted.get("city"),
        "created_at": iso(call.now),
    }
    await call.documents.put("companies", company["id"], company)
    return company


async def list_deals(call: Call, wanted: ListDeals) -> DealList:
    stage = wanted.get("stage")
    held = [each for each in await call.documents.all("deals") if stage in (None, each["stage"])]
    deals, cursor = _page(held, wanted)
    return {"deals": deals, "next_cursor": cursor}


async def create_deal(call: Call, wanted: CreateDeal) -> Deal:
    deal: Deal = {
        "id": str(await call.documents.next_number("deals", first=9001)),
        "name": wanted["name"],
        "stage": wanted.get("stage", "appointmentscheduled"),
        "amount": wanted.get("amount"),
        "close_date": wanted.get("close_date"),
        "company": wanted.get("company"),
        "owner": call.actor,
        "created_at": iso(call.now),
        "updated_at": iso(call.now),
    }
    await call.documents.put("deals", deal["id"], deal)
    return deal


async def update_deal(call: Call, wanted: UpdateDeal) -> Deal:
    deal: Deal = await _held(call.documents, "deals", wanted["deal_id"])
    return await _changed(call, "deals", deal, wanted)


async def delete_deal(call: Call, wanted: OneDeal) -> Deleted:
    return await _deleted(call.documents, "deals", wanted["deal_id"])


def _refused(status: int, category: str, message: str) -> UpstreamFailed:
    return UpstreamFailed(status, {"status": "error", "message": message, "category": category})


def _page(items: list[Any], wanted: Any) -> tuple[list[Any], str | None]:
    """What follows the cursor, which is the id of the last one shown."""
    after, limit = wanted.get("after"), wanted.get("limit", 50)
    rest = items if after is None else [each for each in items if int(each["id"]) > _number(after)]
    return rest[:limit], rest[limit - 1]["id"] if len(rest) > limit else None


def _number(cursor: str) -> int:
    if not cursor.isdecimal():
        raise _refused(400, "VALIDATION_ERROR", f"Invalid cursor: {cursor}")
    return int(cursor)


async def _held(documents: Documents, kind: str, key: str) -> Any:
    found = await documents.get(kind, key)
    if found is None:
        raise _refused(404, "OBJECT_NOT_FOUND", f"No {kind} with id {key}")
    return found


async def _changed(call: Call, kind: str, held: Changeable, wanted: Any) -> Changeable:
    fields: Any = {field: value for field, value in wanted.items() if field in held}
    changed: Changeable = {**held, **fields, "updated_at": iso(call.now)}
    await call.documents.put(kind, held["id"], changed)
    return changed


async def _deleted(documents: Documents, kind: str, key: str) -> Deleted:
    await _held(documents, kind, key)
    await documents.delete(kind, key)
    return {"id": key, "deleted": True}


async def _check_email_is_free(documents: Documents, email: str, besides: str = "") -> None:
    for each in await documents.all("contacts"):
        if each["email"].lower() == email.lower() and each["id"] != besides:
            raise _refused(409, "CONFLICT", f"Contact already exists. Existing ID: {each['id']}")


def hubspot() -> Integration:
    read_contacts, write_contacts = ("crm.objects.contacts.read",), ("crm.objects.contacts.write",)
    read_deals, write_deals = ("crm.objects.deals.read",), ("crm.objects.deals.write",)
    return Integration(
        key="hubspot",
        provider="hubspot",
        display_name="HubSpot",
        categories=("crm", "marketing"),
        scopes=(*read_contacts, *write_contacts, *read_deals, *write_deals),
        seed=seed,
        syncs=(copying("contacts", "HubspotContact", Contact, read_contacts, path="/hubspot/contacts"),),
        actions=atomic(
            Action(
                "list-contacts",
                "List contacts, oldest first.",
                "read",
                list_contacts,
                read_contacts,
                Endpoint("GET", "/contacts"),
            ),
            Action(
                "search-contacts",
                "Search contacts by name, email address, phone, job title or company.",
                "read",
                search_contacts,
                read_contacts,
                Endpoint("POST", "/contacts/search"),
            ),
            Action("get-contact", "Get one contact by its id.", "read", get_contact, read_contacts),
            Action(
                "create-contact",
                "Create a contact. Email addresses are unique.",
                "write",
                create_contact,
                write_contacts,
                Endpoint("POST", "/contacts"),
            ),
            Action("update-contact", "Change properties of a contact.", "write", update_contact, write_contacts),
            Action("delete-contact", "Delete a contact for good.", "destructive", delete_contact, write_contacts),
            Action("list-companies", "List companies.", "read", list_companies, ("crm.objects.companies.read",)),
            Action("create-company", "Create a company.", "write", create_company, ("crm.objects.companies.write",)),
            Action("list-deals", "List deals, all of them or those in one stage.", "read", list_deals, read_deals),
            Action("create-deal", "Create a deal in the sales pipeline.", "write", create_deal, write_deals),
            Action(
                "update-deal",
                "Change a deal's name, amount or closing day, or move it to another stage.",
                "write",
                update_deal,
                write_deals,
            ),
            Action("delete-deal", "Delete a deal for good.", "destructive", delete_deal, write_deals),
        ),
    )
