"""Whether credentials are good: some providers are asked before a connection is stored."""

from nango_sandbox.errors import NangoError
from nango_sandbox.providers.upstreams import UnknownUpstreamError, open_upstreams
from nango_sandbox.services import Services
from nango_sandbox.store.connections import Connection

INVALID = "The given credentials were found to be invalid. Please check the credentials and try again."


async def verify(services: Services, connection: Connection) -> None:
    """Ask the provider's API about the credentials of a connection that is not stored yet.

    Only providers with an endpoint for it, and only keys and passwords: tokens come from the provider anyway. Raises
    NangoError 400 `connection_test_failed` if no endpoint answers 2xx, or nobody is there to ask.
    """
    provider = services.providers.get(connection.provider)
    proxy = provider.proxy if provider is not None else None
    if provider is None or proxy is None or proxy.verification is None:
        return
    base_url = provider.base_url(connection.connection_config)
    if connection.auth_mode not in ("API_KEY", "BASIC") or base_url is None:
        return
    headers = {
        **provider.headers(connection.credentials, connection.connection_config),
        **{name.lower(): value for name, value in proxy.verification.headers.items() if "${" not in value},
    }
    async with open_upstreams(services, connection) as http:
        for endpoint in proxy.verification.endpoints:
            try:
                answer = await http.request(proxy.verification.method, base_url + endpoint, headers=headers)
            except (UnknownUpstreamError, OSError):
                continue
            if answer.is_success:
                return
    raise NangoError(400, "connection_test_failed", INVALID)
