import pytest
from pydantic import ValidationError

from nango_tools import NangoSettings, Outcome, SettingsError

KEY = "5f0c1a52-8a39-4c55-9d2f-6d1a2b7c9e01"


def test_only_the_key_is_needed() -> None:
    settings = NangoSettings.from_environ({"NANGO_API_KEY": KEY})
    assert settings.base_url == "https://api.nango.dev"
    assert settings.api_key.get_secret_value() == KEY
    assert settings.webhook_signing_key is None


def test_the_older_name_of_the_key_works_and_the_newer_one_wins() -> None:
    assert NangoSettings.from_environ({"NANGO_SECRET_KEY": "old"}).api_key.get_secret_value() == "old"
    both = {"NANGO_SECRET_KEY": "old", "NANGO_API_KEY": "new"}
    assert NangoSettings.from_environ(both).api_key.get_secret_value() == "new"


@pytest.mark.parametrize("environ", [{}, {"NANGO_API_KEY": ""}])
def test_a_missing_key_is_an_error_that_says_where_to_find_one(environ: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"Set NANGO_API_KEY .*dashboard") as caught:
        NangoSettings.from_environ(environ)
    assert caught.value.outcome is Outcome.NOT_SENT


def test_an_empty_variable_counts_as_not_set() -> None:
    settings = NangoSettings.from_environ({"NANGO_API_KEY": KEY, "NANGO_BASE_URL": "", "NANGO_WEBHOOK_SIGNING_KEY": ""})
    assert settings.base_url == "https://api.nango.dev"
    assert settings.webhook_signing_key is None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://nango.example.com/", "https://nango.example.com"),
        ("http://localhost:3003", "http://localhost:3003"),
        ("http://127.0.0.1:3003/", "http://127.0.0.1:3003"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:3003", "http://[::1]:3003"),
    ],
)
def test_https_anywhere_and_http_on_this_machine_are_accepted(given: str, kept: str) -> None:
    assert NangoSettings.from_environ({"NANGO_API_KEY": KEY, "NANGO_BASE_URL": given}).base_url == kept


@pytest.mark.parametrize(
    ("base_url", "says"),
    [
        ("http://nango.example.com", "plain http to nango.example.com"),
        ("http://127.0.0.1.example.com", "plain http"),
        ("http://0.0.0.0:3003", "plain http"),
        ("http://localhost.example.com", "plain http"),
        ("https://api.nango.dev/mcp", "only scheme, host and port"),
        ("https://api.nango.dev/..", "only scheme, host and port"),
        ("https://api.nango.dev?x=1", "only scheme, host and port"),
        ("https://api.nango.dev#x", "only scheme, host and port"),
        ("https://api.nango.dev?", "only scheme, host and port"),
        ("https://someone:secret@api.nango.dev", "user name or password"),
        ("https://api.nango.dev@evil.example", "user name or password"),
        ("api.nango.dev", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("https://", "must begin with https://"),
        ("https://api.nango.dev:port", "is not a URL"),
        ("https://api.nango.dev\r\nX-Evil: 1", "plain URL"),
        ("https://api.nango.dev ", "plain URL"),
        ("https://[::1", "NANGO_BASE_URL"),
    ],
)
def test_a_base_url_that_could_lead_astray_is_refused_by_name(base_url: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        NangoSettings.from_environ({"NANGO_API_KEY": KEY, "NANGO_BASE_URL": base_url})
    assert "NANGO_BASE_URL" in str(caught.value)
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", ["with space", "line\nbreak", "naïve", "tab\t", "\x00"])
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        NangoSettings.from_environ({"NANGO_SECRET_KEY": key})
    assert "NANGO_SECRET_KEY" in str(caught.value)
    assert key not in str(caught.value)
    with pytest.raises(ValidationError) as direct:
        NangoSettings(api_key=key)
    assert key not in str(direct.value)


def test_the_keys_are_not_shown_and_the_settings_cannot_change() -> None:
    settings = NangoSettings.from_environ({"NANGO_API_KEY": KEY, "NANGO_WEBHOOK_SIGNING_KEY": "sign-" + KEY})
    assert KEY not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    with pytest.raises(ValidationError):
        settings.base_url = "https://elsewhere.example"


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_a_time_out_is_a_positive_number_of_seconds(seconds: float) -> None:
    with pytest.raises(ValidationError):
        NangoSettings(api_key=KEY, read_timeout=seconds)


def test_the_management_mcp_is_known_on_nangos_cloud_and_named_elsewhere() -> None:
    def url(**environ: str) -> str | None:
        return NangoSettings.from_environ({"NANGO_API_KEY": KEY, **environ}).management_mcp_url

    assert url() == "https://mcp.nango.dev/mcp"
    assert url(NANGO_BASE_URL="https://api.nango.dev/") == "https://mcp.nango.dev/mcp"
    assert url(NANGO_BASE_URL="https://nango.example.com") is None
    assert url(NANGO_MANAGEMENT_MCP_URL="http://mcp.localhost:3003/mcp") == "http://mcp.localhost:3003/mcp"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://mcp.example.com", "must have a path"),
        ("https://mcp.example.com/", "must have a path"),
        ("https://mcp.example.com/a/../mcp", "must have a path"),
        ("http://mcp.example.com/mcp", "plain http"),
        ("https://a:b@mcp.example.com/mcp", "user name or password"),
        ("https://mcp.example.com/mcp?x=1", "must be only"),
        ("mcp.example.com/mcp", "must begin with https://"),
    ],
)
def test_a_management_url_that_could_lead_astray_is_refused_by_name(url: str, says: str) -> None:
    with pytest.raises(SettingsError, match=r"^NANGO_MANAGEMENT_MCP_URL") as caught:
        NangoSettings.from_environ({"NANGO_API_KEY": KEY, "NANGO_MANAGEMENT_MCP_URL": url})
    assert says in str(caught.value)


def test_plain_http_to_another_host_must_be_allowed_in_so_many_words() -> None:
    environ = {
        "NANGO_API_KEY": KEY,
        "NANGO_BASE_URL": "http://nango-server:3003",
        "NANGO_MANAGEMENT_MCP_URL": "http://nango-mcp:3003/mcp",
    }
    for no in ("", "false", "0"):
        with pytest.raises(SettingsError, match="NANGO_ALLOW_INSECURE_HTTP"):
            NangoSettings.from_environ(environ | {"NANGO_ALLOW_INSECURE_HTTP": no})
    settings = NangoSettings.from_environ(environ | {"NANGO_ALLOW_INSECURE_HTTP": "true"})
    assert (settings.base_url, settings.management_mcp_url) == ("http://nango-server:3003", "http://nango-mcp:3003/mcp")
    with pytest.raises(SettingsError, match=r"^NANGO_ALLOW_INSECURE_HTTP"):
        NangoSettings.from_environ(environ | {"NANGO_ALLOW_INSECURE_HTTP": "perhaps"})


@pytest.mark.parametrize("limit", [0, -1])
def test_an_answer_may_have_at_least_one_byte(limit: int) -> None:
    with pytest.raises(ValidationError):
        NangoSettings(api_key=KEY, max_response_bytes=limit)


def test_a_misspelt_setting_is_refused_and_its_value_not_shown() -> None:
    misspelt = {"base_ulr": "https://nango.example.com/canary"}
    with pytest.raises(ValidationError, match="base_ulr") as caught:
        NangoSettings(api_key=KEY, **misspelt)
    assert "canary" not in str(caught.value)
