"""The HubSpot account of a new sandbox."""

from datetime import datetime, timedelta

from nango_sandbox.apps.wire_time import iso
from nango_sandbox.store.documents import Documents

# name, domain, industry, city
_COMPANIES = (
    ("Northwind", "northwind.example", "Wholesale", "Hamburg"),
    ("Initech", "initech.example", "Software", "Austin"),
    ("Globex", "globex.example", "Energy", "Springfield"),
    ("Umbrella Bakery", "umbrella-bakery.example", "Food", "Lyon"),
)

# first name, last name, local part, phone, job title, company, stage, days ago
_CONTACTS: tuple[tuple[str, str, str, str | None, str, int, str, int], ...] = (
    ("Nora", "Winter", "nora.winter", "+49 40 5550101", "Head of purchasing", 0, "customer", 210),
    ("Jonas", "Kruse", "jonas.kruse", None, "Warehouse manager", 0, "customer", 180),
    ("Peter", "Gibbons", "peter.gibbons", "+1 512 555 0142", "Software engineer", 1, "opportunity", 95),
    ("Samira", "Nagel", "samira.nagel", None, "Head of IT", 1, "opportunity", 90),
    ("Hank", "Stone", "hank.stone", "+1 417 555 0199", "Chief executive", 2, "lead", 44),
    ("Lena", "Moreau", "lena.moreau", "+33 4 55 55 01 10", "Owner", 3, "customer", 150),
    ("Paul", "Moreau", "paul.moreau", None, "Master baker", 3, "lead", 60),
    ("Iris", "Okafor", "iris.okafor", "+1 417 555 0107", "Procurement", 2, "lead", 9),
)

# name, stage, amount, closes in so many days, company, owner, days ago
_DEALS = (
    ("Northwind: 300 gadgets", "closedwon", 42000.0, -5, 0, "barbara", 70),
    ("Initech renewal", "contractsent", 18500.0, 12, 1, "barbara", 55),
    ("Initech training days", "qualifiedtobuy", 3600.0, 40, 1, "margaret", 20),
    ("Globex pilot", "presentationscheduled", 9900.0, 30, 2, "margaret", 26),
    ("Umbrella Bakery tablets", "appointmentscheduled", 2400.0, 60, 3, "barbara", 8),
    ("Globex site licence", "closedlost", 64000.0, -30, 2, "barbara", 140),
)


async def seed(documents: Documents, now: datetime) -> None:
    for name, domain, industry, city in _COMPANIES:
        key = str(await documents.next_number("companies", first=501))
        company = {
            "id": key,
            "name": name,
            "domain": domain,
            "industry": industry,
            "city": city,
            "created_at": iso(now - timedelta(days=240)),
        }
        await documents.put("companies", key, company)
    for first, last, local, phone, title, company_index, stage, age in _CONTACTS:
        key = str(await documents.next_number("contacts", first=101))
        name, domain, _, _ = _COMPANIES[company_index]
        contact = {
            "id": key,
            "first_name": first,
            "last_name": last,
            "email": f"{local}@{domain}",
            "phone": phone,
            "job_title": title,
            "company": name,
            "lifecycle_stage": stage,
            "created_at": iso(now - timedelta(days=age)),
            "updated_at": iso(now - timedelta(days=age // 2)),
        }
        await documents.put("contacts", key, contact)
    for deal_name, stage, amount, closes, company_index, owner, age in _DEALS:
        key = str(await documents.next_number("deals", first=9001))
        deal = {
            "id": key,
            "name": deal_name,
            "stage": stage,
            "amount": amount,
            "close_date": (now + timedelta(days=closes)).date().isoformat(),
            "company": _COMPANIES[company_index][0],
            "owner": owner,
            "created_at": iso(now - timedelta(days=age)),
            "updated_at": iso(now - timedelta(days=age // 3)),
        }
        await documents.put("deals", key, deal)
