"""Tools for a search, made as a catalogue makes them."""

from typing import Any

from nango_tools.catalog import Definition, Tool


def tool(named: str, description: str = "", properties: dict[str, Any] | None = None) -> Tool:
    integration, name = named.split("/")
    schema = {"type": "object", "properties": properties or {}}
    return Definition(integration=integration, name=name, description=description, input_schema=schema).tool()


A_SMALL_COMPANY = [
    tool("pipeline/list-deals", "List deals."),
    tool("pipeline/create-deal", "Create a deal.", {"title": {"type": "string"}, "value": {"type": "number"}}),
    tool("pipeline/delete-deal", "Delete a deal."),
    tool("helpdesk/list-tickets", "List tickets of the help desk."),
    tool("helpdesk/update-ticket", "Update a ticket.", {"priority": {"enum": ["low", "urgent"]}}),
    tool("helpdesk/add-ticket-comment", "Add a comment to a ticket."),
    tool("books/create-invoice", "Create an invoice for a customer.", {"customer_id": {"type": "string"}}),
    tool("books/list-invoices", "List invoices."),
    tool("books/void-invoice", "Void an invoice."),
    tool("google-calendar/create-event", "Create an event in a calendar.", {"attendees": {"type": "array"}}),
    tool("google-calendar/delete-event", "Delete an event."),
    tool("google-calendar/find-free-slots", "Find free slots of several calendars."),
    tool("chat/mute-channel", "Mute a channel."),
    tool("chat/archive-channel", "Archive a channel."),
    tool("chat/remove-user-from-channel", "Remove a user from a channel."),
    tool("files/create-folder", "Create a folder."),
    tool("files/restoreDeletedFile", "Restore a deleted file."),
]
