"""What must hold before a LangGraph server starts: one user on this machine without login, or login without a way past it; good rules."""

import json
from collections.abc import Mapping

from nango_graph.server.jwt_settings import VARIABLES, JwtSettings
from nango_graph.settings import policy_file
from nango_tools import Policy, SettingsError


def refuse_login(environ: Mapping[str, str]) -> None:
    """Raises `SettingsError` where people are expected to log in: without auth all would be the same person."""
    for name, value in environ.items():
        if name.startswith(VARIABLES) and value.strip():
            raise SettingsError(
                f"{name} is set, but langgraph.json serves one user without login. "
                "Serve deploy/langgraph.json (langgraph dev --config deploy/langgraph.json), or unset it."
            )


def require_login(environ: Mapping[str, str]) -> JwtSettings:
    """Raises `SettingsError` where nobody could log in."""
    settings = JwtSettings.from_environ(environ)
    if settings is None:
        raise SettingsError(
            "Nobody could log in: set NANGO_AGENT_JWT_ALGORITHMS, NANGO_AGENT_JWT_ISSUER, NANGO_AGENT_JWT_AUDIENCE and "
            "NANGO_AGENT_JWT_SECRET or NANGO_AGENT_JWKS_URL. For one user on this machine serve langgraph.json."
        )
    return settings


def check_policy(environ: Mapping[str, str]) -> None:
    """Raises `SettingsError` for rules that can't be used: not at the first message, which may be somebody else's."""
    if path := policy_file(environ):
        Policy.load(path)


def check_configuration(environ: Mapping[str, str]) -> None:
    """Raises `SettingsError` if the LangGraph configuration leaves a way past the login.

    The server hands its configuration on in these variables. While Studio may log in, `langgraph dev` takes anyone
    for Studio who sends the header `x-auth-scheme: langsmith`.
    """
    for variable, key in (("LANGGRAPH_AUTH", "disable_studio_auth"), ("LANGGRAPH_HTTP", "enable_custom_route_auth")):
        section = variable.removeprefix("LANGGRAPH_").lower()
        if (json.loads(environ.get(variable) or "null") or {}).get(key) is not True:
            raise SettingsError(f'The LangGraph configuration must say "{section}": {{"{key}": true}}.')
