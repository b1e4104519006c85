"""Where a server is reached, as its settings and `langgraph dev` tell it, and whom it answers there."""

import json
from pathlib import Path

import pytest

from nango_graph import AgentSettings, ModelSettings
from nango_graph.server.addresses import require_public_url, with_public_url
from nango_graph.server.visitors import AllowedVisitors
from nango_tools import NangoSettings, SettingsError


def _settings(public_url: str | None = None) -> AgentSettings:
    return AgentSettings(
        nango=NangoSettings(api_key="k", base_url="http://127.0.0.1:9"),
        model=ModelSettings(name="never asked"),
        data_dir=Path("nowhere"),
        public_url=public_url,
    )


@pytest.mark.parametrize(
    "here", ["http://127.0.0.1:2024", "http://127.8.9.10:2024/", "http://localhost:1", "http://[::1]:2024"]
)
def test_on_loopback_langgraph_dev_serves_our_pages_unless_settings_name_another_address(here: str) -> None:
    settings = with_public_url(_settings(), {"LANGGRAPH_API_URL": here})
    assert settings.public_url == here.rstrip("/")
    require_public_url(settings)
    named = _settings("https://agent.example")
    assert with_public_url(named, {"LANGGRAPH_API_URL": here}) == named


@pytest.mark.parametrize(
    "here",
    ["", "http://0.0.0.0:2024", "http://127.0.0.1.evil.example", "http://127.0.0.1@evil.example", "http://[x", "x"],
)
def test_elsewhere_an_address_is_required(here: str) -> None:
    settings = with_public_url(_settings(), {"LANGGRAPH_API_URL": here})
    with pytest.raises(SettingsError, match="NANGO_AGENT_PUBLIC_URL"):
        require_public_url(settings)


CORS = {"allow_origins": ["https://chat.example"], "allow_origin_regex": r"https://([a-z]+\.)?studio\.example"}
TUNNEL = {"LANGGRAPH_API_URL": "https://random.tunnel.example", "NANGO_AGENT_PUBLIC_URL": "https://Agent.example/x"}


@pytest.mark.parametrize("host", ["random.tunnel.example", "agent.example:443", "localhost", "[::1]:2024", "127.1.2.3"])
def test_hosts_are_those_of_loopback_and_of_the_settings(host: str) -> None:
    assert AllowedVisitors.from_environ(TUNNEL).knows_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.localhost",
        "0.0.0.0",
        "[::1",
        "::1",
    ],
)
def test_all_other_hosts_are_none_of_ours(host: str) -> None:
    assert not AllowedVisitors.from_environ(TUNNEL).knows_host(host)


def test_origins_are_those_of_the_configuration() -> None:
    visitors = AllowedVisitors.from_environ({"LANGGRAPH_HTTP": json.dumps({"cors": CORS})})
    here = "127.0.0.1:2024"
    for origin in ("https://chat.example", "https://studio.example", "https://eu.studio.example", f"http://{here}"):
        assert visitors.allows_origin(origin, host=here), origin
    for origin in ("null", "", "http://chat.example", "https://xstudio.example", "https://studio.example.evil.example"):
        assert not visitors.allows_origin(origin, host=here), origin
    assert not AllowedVisitors.from_environ({}).allows_origin("https://chat.example", host=here)
    anybody = AllowedVisitors.from_environ({"LANGGRAPH_HTTP": '{"cors": {"allow_origins": ["*"]}}'})
    assert anybody.allows_origin("https://evil.example", host=here)
