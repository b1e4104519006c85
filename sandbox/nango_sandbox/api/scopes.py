"""The scopes that an API key can have: one by one, or all below a name with `*` (`environment:connections:*`)."""

SCOPES = frozenset(
    f"environment:{each}"
    for each in (
        *(
            f"integrations:{each}"
            for each in ("list", "list_credentials", "list_functions", "read", "read_credentials")
        ),
        *(f"integrations:{each}" for each in ("create", "update", "delete")),
        *(f"connections:{each}" for each in ("list", "list_credentials", "read", "read_credentials")),
        *(f"connections:{each}" for each in ("create", "update", "delete")),
        *(f"{each}:write" for each in ("connect_sessions", "agent_sessions", "records")),
        *(f"syncs:{each}" for each in ("read", "execute", "update", "variant:create", "variant:delete")),
        *(f"functions:{each}" for each in ("list", "read", "delete", "compile", "dryrun", "invocations")),
        *(f"{each}:read" for each in ("records", "logs", "variables")),
        *("actions:execute", "webhook_signing_key:rotate", "deploy", "proxy", "mcp"),
    )
)


def is_scope(text: str) -> bool:
    return text in SCOPES or (text.endswith(":*") and any(each.startswith(text[:-1]) for each in SCOPES))
