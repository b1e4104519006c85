"""Which tokens count. Keys are real ones, and a JWKS is served over HTTP."""

import asyncio
import base64
import json
import socket
import time
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import jwt
import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import get_default_algorithms
from langgraph_sdk.auth.types import StudioUser
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from nango_graph.identity import Requester
from nango_graph.server.auth import Login, create_auth
from nango_graph.server.jwt_settings import JwtSettings
from nango_graph.server.keys import FRESH, PAUSE, STALE, KeysUnavailable, PublicKeys
from nango_graph.server.starting import check_configuration
from nango_graph.server.tokens import MAX_TOKEN, NotLoggedIn, TokenChecker
from nango_tools import SettingsError

ISSUER, AUDIENCE = "https://login.example", "nango-agent"
SECRET = "s" * 64
SHARED = {
    "NANGO_AGENT_JWT_ALGORITHMS": "HS256",
    "NANGO_AGENT_JWT_SECRET": SECRET,
    "NANGO_AGENT_JWT_ISSUER": ISSUER,
    "NANGO_AGENT_JWT_AUDIENCE": AUDIENCE,
}
PUBLISHED = {**SHARED, "NANGO_AGENT_JWT_ALGORITHMS": "RS256", "NANGO_AGENT_JWT_SECRET": ""}

RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
WEAK_RSA = rsa.generate_private_key(65537, 1024)
EC = {"ES256": ec.generate_private_key(ec.SECP256R1()), "ES384": ec.generate_private_key(ec.SECP384R1())}
ED = ed25519.Ed25519PrivateKey.generate()


def _claims(**changed: Any) -> dict[str, Any]:
    """A claim that is None is left out."""
    now = int(time.time())
    given = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "org_id": "acme", "iat": now, "exp": now + 600, **changed}
    return {name: value for name, value in given.items() if value is not None}


def _jwk(key: Any, algorithm: str, **more: Any) -> dict[str, Any]:
    described: Any = get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
    return {**described, "kid": "k1", "use": "sig", **more}


@dataclass
class Signer:
    """What a company's login serves at its JWKS address."""

    keys: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    body: bytes | None = None
    slow: bool = False
    fetched: int = 0
    url: str = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        if request.url.path != "/jwks":
            raise AssertionError(f"Nobody should ask for {request.url.path}.")
        self.fetched += 1
        while self.slow and not await request.is_disconnected():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        body = self.body if self.body is not None else json.dumps({"keys": self.keys}).encode()
        headers = {"location": "/elsewhere"} if self.status == 302 else {}
        await Response(body, self.status, headers, "application/json")(scope, receive, send)


@pytest.fixture
async def signer() -> AsyncIterator[Signer]:
    signer = Signer()
    listening = socket.create_server(("127.0.0.1", 0))
    signer.url = f"http://127.0.0.1:{listening.getsockname()[1]}/jwks"
    server = uvicorn.Server(uvicorn.Config(signer, log_level="critical", lifespan="off", ws="none"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield signer
    server.should_exit = True
    await serving


def _settings(environ: Mapping[str, str]) -> JwtSettings:
    settings = JwtSettings.from_environ(environ)
    assert settings is not None
    return settings


@asynccontextmanager
async def _checker(environ: Mapping[str, str]) -> AsyncIterator[TokenChecker]:
    async with httpx.AsyncClient(trust_env=False) as http:
        yield TokenChecker(_settings(environ), http)


def _published(signer: Signer, algorithms: str) -> dict[str, str]:
    return {**PUBLISHED, "NANGO_AGENT_JWT_ALGORITHMS": algorithms, "NANGO_AGENT_JWKS_URL": signer.url}


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [("RS256", RSA), ("PS384", RSA), ("ES256", EC["ES256"]), ("ES384", EC["ES384"]), ("EdDSA", ED)],
)
@pytest.mark.parametrize("named", [True, False], ids=["key-id", "no-key-id"])
async def test_a_token_of_a_published_key_says_who_it_is(algorithm: str, key: Any, named: bool, signer: Signer) -> None:
    signer.keys = [_jwk(key, algorithm)]
    async with _checker(_published(signer, algorithm)) as checker:
        token = jwt.encode(_claims(), key, algorithm, headers={"kid": "k1"} if named else None)
        assert await checker.check(token) == Requester("ada", "acme")
        assert await checker.check(token) == Requester("ada", "acme")
    assert signer.fetched == 1


async def test_a_token_of_the_shared_secret_says_who_it_is() -> None:
    async with _checker({**SHARED, "NANGO_AGENT_JWT_ORGANIZATION_CLAIM": "https://acme.example/org"}) as checker:
        claims = _claims(**{"https://acme.example/org": "acme", "org_id": "not asked for"})
        assert await checker.check(jwt.encode(claims, SECRET, "HS256")) == Requester("ada", "acme")
        assert await checker.check(jwt.encode(_claims(), SECRET, "HS256")) == Requester("ada")
        assert await checker.check(jwt.encode(_claims(aud=["x", AUDIENCE]), SECRET, "HS256")) == Requester("ada")


@pytest.mark.parametrize(
    ("changed", "because"),
    [
        ({"exp": int(time.time()) - 60}, "expired"),
        ({"nbf": int(time.time()) + 3600}, "not valid yet"),
        ({"iat": int(time.time()) + 3600}, "not valid yet"),
        ({"exp": None}, "lacks the claim 'exp'"),
        ({"iss": None}, "lacks the claim 'iss'"),
        ({"aud": None}, "lacks the claim 'aud'"),
        ({"sub": None}, "lacks the claim 'sub'"),
        ({"exp": "soon"}, "can't be verified"),
        ({"exp": float("inf")}, "can't be verified"),
        ({"iss": "https://login.example/"}, "somebody else"),
        ({"iss": [ISSUER]}, "somebody else"),
        ({"aud": "nango-agent-2"}, "somebody else"),
        ({"aud": []}, "lacks the claim 'aud'"),
        ({"aud": {"nango-agent": 1}}, "somebody else"),
        ({"sub": 7}, "can't be verified"),
        ({"sub": ""}, "'sub' is empty"),
        ({"sub": " ada"}, "'sub' is no name"),
        ({"sub": "ada\n"}, "'sub' is no name"),
        ({"sub": "ada\u202e"}, "'sub' is no name"),
        ({"sub": "a" * 201}, "'sub' is no name"),
        ({"org_id": 7}, "'org_id' is no name"),
        ({"org_id": ["acme"]}, "'org_id' is no name"),
        ({"org_id": "acme\0"}, "'org_id' is no name"),
    ],
)
async def test_a_signed_token_with_wrong_claims_does_not_count(changed: dict[str, Any], because: str) -> None:
    async with _checker(SHARED) as checker:
        with pytest.raises(NotLoggedIn, match=because) as refused:
            # PyJWT itself refuses to write some of these.
            await checker.check(jwt.PyJWS().encode(json.dumps(_claims(**changed)).encode(), SECRET, "HS256"))
        for value in changed.values():
            assert not isinstance(value, str) or len(value) < 5 or value not in str(refused.value)


@pytest.mark.parametrize("algorithm", ["HS384", "HS512", "none", "RS256"])
async def test_a_token_says_nothing_about_the_algorithm_that_counts(algorithm: str) -> None:
    key: Any = {"none": None, "RS256": RSA}.get(algorithm, SECRET)
    async with _checker(SHARED) as checker:
        with pytest.raises(NotLoggedIn):
            await checker.check(jwt.encode(_claims(), key, algorithm))


def _raw(header: dict[str, Any], claims: Any, signature: bytes = b"x") -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _signed_with_the_public_key(algorithm: str) -> str:
    """What PyJWT refuses to make: the published key taken for an HMAC secret."""
    hmac = get_default_algorithms()[algorithm]
    unsigned = _raw({"alg": algorithm, "kid": "k1", "typ": "JWT"}, _claims()).rpartition(".")[0]
    signature = hmac.sign(unsigned.encode(), PEM)
    return f"{unsigned}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def _forged(url: str) -> dict[str, str]:
    elsewhere = url.replace("/jwks", "/evil")
    good = jwt.encode(_claims(), RSA, "RS256", headers={"kid": "k1"})
    header, claims, signature = good.split(".")
    changed = base64.urlsafe_b64encode(json.dumps(_claims(sub="root")).encode()).decode().rstrip("=")
    own = {"jwk": _jwk(OTHER_RSA, "RS256"), "kid": "k1"}
    return {
        "nothing": "",
        "no token": "abc",
        "two parts": f"{header}.{claims}",
        "five parts": f"{good}.a.b",
        "no signature": f"{header}.{claims}.",
        "other claims": f"{header}.{changed}.{signature}",
        "alg none": jwt.encode(_claims(), None, "none"),
        "alg none with a signature": _raw({"alg": "none", "kid": "k1"}, _claims()),
        "alg NoNe": _raw({"alg": "NoNe", "kid": "k1"}, _claims(), b""),
        "no alg": _raw({"kid": "k1"}, _claims()),
        "alg of another type": _raw({"alg": ["RS256"], "kid": "k1"}, _claims()),
        "the public key as a secret": _signed_with_the_public_key("HS256"),
        "another RSA algorithm": jwt.encode(_claims(), RSA, "RS512", headers={"kid": "k1"}),
        "another key": jwt.encode(_claims(), OTHER_RSA, "RS256", headers={"kid": "k1"}),
        "a key that it brings along": jwt.encode(_claims(), OTHER_RSA, "RS256", headers=own),
        "a key set of its own": jwt.encode(_claims(), OTHER_RSA, "RS256", headers={"kid": "k1", "jku": elsewhere}),
        "a certificate of its own": jwt.encode(_claims(), OTHER_RSA, "RS256", headers={"kid": "k1", "x5u": elsewhere}),
        "an unknown key id": jwt.encode(_claims(), RSA, "RS256", headers={"kid": "k2"}),
        "a key id that is a path": jwt.encode(_claims(), OTHER_RSA, "RS256", headers={"kid": "../../dev/null"}),
        "a key id that is a list": _raw({"alg": "RS256", "kid": ["k1"]}, _claims()),
        "a key id that is null": _raw({"alg": "RS256", "kid": None}, _claims()),
        "a critical extension": _raw({"alg": "RS256", "kid": "k1", "crit": ["exp2"], "exp2": 1}, _claims()),
        "claims that are a list": _raw({"alg": "RS256", "kid": "k1"}, [1]),
        "a header that is a list": _raw([], _claims()),  # type: ignore[arg-type]
        "deep claims": _raw({"alg": "RS256", "kid": "k1"}, {}).replace(".", "." + "W1tb" * 900, 1),
        "not text": "\u2603.\u2603.\u2603",
        "too long": good + "A" * MAX_TOKEN,
    }


@pytest.mark.parametrize("name", sorted(_forged("")))
async def test_a_forged_token_does_not_count(name: str, signer: Signer) -> None:
    signer.keys = [_jwk(RSA, "RS256")]
    async with _checker(_published(signer, "RS256")) as checker:
        with pytest.raises(NotLoggedIn) as refused:
            await checker.check(_forged(signer.url)[name])
        assert len(str(refused.value)) < 120
    assert signer.fetched <= 2


@pytest.mark.parametrize(
    "key",
    [
        _jwk(RSA, "RS256", use="enc"),
        _jwk(RSA, "RS256", key_ops=["encrypt"]),
        _jwk(RSA, "RS256", alg="RS512"),
        _jwk(WEAK_RSA, "RS256"),
        {"kty": "RSA", "kid": "k1", "n": "!", "e": "AQAB"},
        {"kty": "RSA", "kid": "k1"},
        _jwk(EC["ES256"], "ES256"),
    ],
    ids=["for encryption", "not to verify", "another algorithm", "weak", "malformed", "empty", "another type"],
)
async def test_a_published_key_that_is_not_for_this_does_not_count(key: dict[str, Any], signer: Signer) -> None:
    signer.keys = [key]
    async with _checker(_published(signer, "RS256")) as checker:
        for signed_by in (RSA, WEAK_RSA):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # PyJWT says that the key is weak
                token = jwt.encode(_claims(), signed_by, "RS256", headers={"kid": "k1"})
            with pytest.raises(NotLoggedIn):
                await checker.check(token)


async def test_a_key_of_another_curve_does_not_count(signer: Signer) -> None:
    signer.keys = [_jwk(EC["ES384"], "ES384")]
    async with _checker(_published(signer, "ES256,ES384")) as checker:
        assert await checker.check(jwt.encode(_claims(), EC["ES384"], "ES384", headers={"kid": "k1"}))
        with pytest.raises(NotLoggedIn):
            await checker.check(_raw({"alg": "ES256", "kid": "k1"}, _claims(), b"x" * 64))


@pytest.mark.parametrize(
    ("served", "because"),
    [
        ({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "k1"}, _jwk(RSA, "RS256")]}, "secret keys"),
        ({"keys": [json.loads(get_default_algorithms()["RS256"].to_jwk(RSA)), _jwk(RSA, "RS256")]}, "secret keys"),
        ({"status": 500}, "answers 500"),
        ({"status": 302}, "answers 302"),
        ({"body": b"<html>"}, "no JSON Web Key Set"),
        ({"body": b"[" * 200_000}, "no JSON Web Key Set"),
        ({"body": b'{"keys": 7}'}, "no JSON Web Key Set"),
        ({"body": b" " * 300_000}, "over 256000 bytes"),
    ],
)
async def test_without_usable_keys_nobody_is_let_in_and_the_log_says_why(
    served: dict[str, Any], because: str, signer: Signer
) -> None:
    for name, value in served.items():
        setattr(signer, name, value)
    async with _checker(_published(signer, "RS256")) as checker:
        with pytest.raises(KeysUnavailable, match=because):
            await checker.check(jwt.encode(_claims(), RSA, "RS256", headers={"kid": "k1"}))


async def test_a_key_server_that_does_not_answer_is_given_up(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nango_graph.server.keys.FETCH_SECONDS", 0.2)
    signer.slow = True
    async with _checker(_published(signer, "RS256")) as checker:
        with pytest.raises(KeysUnavailable, match="TimeoutError"):
            await checker.check(jwt.encode(_claims(), RSA, "RS256", headers={"kid": "k1"}))


async def test_keys_are_fetched_again_for_a_new_id_but_made_up_ids_are_no_flood(signer: Signer) -> None:
    signer.keys = [_jwk(RSA, "RS256")]
    now = 0.0
    async with httpx.AsyncClient(trust_env=False) as http:
        keys = PublicKeys(signer.url, "RSA", http, lambda: now)
        found = await asyncio.gather(*(keys.find("k1", "RS256") for _ in range(50)))
        assert all(found)
        assert signer.fetched == 1
        assert not any(await asyncio.gather(*(keys.find(f"made-up-{n}", "RS256") for n in range(200))))
        assert signer.fetched == 1

        signer.keys.append(_jwk(OTHER_RSA, "RS256", kid="k2"))
        now += PAUSE
        assert await keys.find("k1", "RS256")
        assert signer.fetched == 1
        found = await asyncio.gather(*(keys.find("k2", "RS256") for _ in range(50)))
        assert all(found)
        assert signer.fetched == 2
        assert await keys.find(None, "RS256") is None, "it could be either"

        signer.keys = signer.keys[1:]
        now += FRESH + 1
        assert await keys.find("k1", "RS256") is None, "taken out of the set"
        assert signer.fetched == 3

        signer.status = 503
        for _ in range(5):
            now += PAUSE
            assert await keys.find("k2", "RS256")
        now += FRESH
        assert await keys.find("k2", "RS256"), "the signer's server may be away for a while"
        now += STALE
        with pytest.raises(KeysUnavailable, match="answers 503"):
            await keys.find("k2", "RS256")
        signer.status = 200
        now += PAUSE
        assert await keys.find("k2", "RS256")


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"NANGO_AGENT_JWT_ALGORITHMS": ""}, "NANGO_AGENT_JWT_ALGORITHMS"),
        ({"NANGO_AGENT_JWT_ALGORITHMS": "none"}, "NANGO_AGENT_JWT_ALGORITHMS"),
        ({"NANGO_AGENT_JWT_ALGORITHMS": "HS256,RS256"}, "kinds"),
        ({"NANGO_AGENT_JWT_SECRET": ""}, "NANGO_AGENT_JWT_SECRET"),
        ({"NANGO_AGENT_JWT_SECRET": "s" * 31}, "32 bytes"),
        ({"NANGO_AGENT_JWT_ALGORITHMS": "HS256,HS512", "NANGO_AGENT_JWT_SECRET": "s" * 63}, "64 bytes"),
        ({"NANGO_AGENT_JWT_SECRET": PEM.decode()}, "PEM"),
        ({"NANGO_AGENT_JWT_ISSUER": ""}, "NANGO_AGENT_JWT_ISSUER"),
        ({"NANGO_AGENT_JWT_AUDIENCE": " "}, "NANGO_AGENT_JWT_AUDIENCE"),
        ({"NANGO_AGENT_JWT_COOKIE": "a b"}, "NANGO_AGENT_JWT_COOKIE"),
        ({"NANGO_AGENT_JWT_LOGIN_URL": "http://login.example"}, "NANGO_AGENT_JWT_LOGIN_URL"),
        ({"NANGO_AGENT_JWT_LOGIN_URL": "javascript:alert(1)"}, "NANGO_AGENT_JWT_LOGIN_URL"),
        ({"NANGO_AGENT_JWT_LOGIN_URL": "https://u:pass@login.example"}, "NANGO_AGENT_JWT_LOGIN_URL"),
        ({"NANGO_AGENT_JWKS_URL": "https://login.example/jwks"}, "NANGO_AGENT_JWKS_URL"),
        ({"NANGO_AGENT_JWT_ALGORITHMS": "RS256"}, "NANGO_AGENT_JWT_SECRET"),
        ({**PUBLISHED}, "NANGO_AGENT_JWKS_URL"),
        ({**PUBLISHED, "NANGO_AGENT_JWKS_URL": "http://login.example/jwks"}, "https"),
        ({**PUBLISHED, "NANGO_AGENT_JWKS_URL": "http://127.0.0.1.evil.example/jwks"}, "https"),
        ({**PUBLISHED, "NANGO_AGENT_JWKS_URL": "http://localhost@evil.example/jwks"}, "https"),
        ({**PUBLISHED, "NANGO_AGENT_JWKS_URL": "https://u:pass@login.example/jwks"}, "without user"),
        ({**PUBLISHED, "NANGO_AGENT_JWKS_URL": "file:///etc/jwks"}, "https"),
        ({**PUBLISHED, "NANGO_AGENT_JWKS_URL": "https://[x/jwks"}, "https"),
    ],
)
def test_settings_that_are_wrong_or_incomplete_are_told_by_name(changed: dict[str, str], names: str) -> None:
    with pytest.raises(SettingsError, match=names) as told:
        JwtSettings.from_environ({**SHARED, **changed})
    assert "s" * 31 not in str(told.value)
    assert "pass" not in str(told.value)


def test_no_settings_at_all_are_no_login_and_any_single_one_is_incomplete() -> None:
    assert JwtSettings.from_environ({"NANGO_AGENT_JWT_ISSUER": " ", "NANGO_API_KEY": "k"}) is None
    for name, value in SHARED.items():
        with pytest.raises(SettingsError):
            JwtSettings.from_environ({name: value})


def test_the_secret_is_in_no_representation() -> None:
    settings = _settings(SHARED)
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.secret == SecretStr(SECRET)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LANGGRAPH_AUTH": '{"path": "x:auth"}', "LANGGRAPH_HTTP": '{"enable_custom_route_auth": true}'},
        {"LANGGRAPH_AUTH": '{"disable_studio_auth": true}', "LANGGRAPH_HTTP": '{"app": "x:app"}'},
        {"LANGGRAPH_AUTH": '{"disable_studio_auth": "false"}', "LANGGRAPH_HTTP": '{"enable_custom_route_auth": true}'},
    ],
)
def test_a_configuration_that_leaves_a_way_past_the_login_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"disable_studio_auth|enable_custom_route_auth"):
        check_configuration(environ)
    both = {"LANGGRAPH_AUTH": '{"disable_studio_auth": true}', "LANGGRAPH_HTTP": '{"enable_custom_route_auth": true}'}
    check_configuration(both)


@dataclass
class Ctx:
    user: Any
    resource: str = ""
    action: str = ""


class User(dict[str, Any]):
    is_authenticated = True

    @property
    def identity(self) -> str:
        return str(self.get("identity", ""))


async def test_what_is_not_allowed_by_name_is_refused_and_so_is_any_user_that_we_did_not_log_in() -> None:
    auth = create_auth(Login(_settings(SHARED)))
    ada = User(identity="organization:acme/user:ada", user_id="ada", organization_id="acme")
    assert len(auth._global_handlers) == 1
    assert await auth._global_handlers[0](ctx=Ctx(ada), value={}) is False  # type: ignore[arg-type]
    allowed = {f"{resource}.{action}" for resource, action in auth._handlers}
    assert allowed == {
        *(f"threads.{action}" for action in ("create", "create_run", "read", "search", "update", "delete")),
        *("assistants.read", "assistants.search"),
    }
    strangers = [
        StudioUser("organization:acme/user:ada", is_authenticated=True),
        User(identity="ada"),
        User(identity="", user_id="", organization_id=""),
        User(identity="organization:acme/user:bob", user_id="ada", organization_id="acme"),
    ]
    for handlers in auth._handlers.values():
        for stranger in strangers:
            with pytest.raises(Exception, match="Forbidden"):
                await handlers[-1](ctx=Ctx(stranger), value={"thread_id": "t"})  # type: ignore[arg-type]


async def test_before_the_server_has_started_everything_is_refused() -> None:
    auth = create_auth(Login(_settings(SHARED)))
    authenticate: Callable[..., Any] = auth._authenticate_handler  # type: ignore[assignment]
    scope = {"type": "http", "path": "/threads", "headers": [(b"authorization", b"Bearer x")]}
    with pytest.raises(RuntimeError, match="deploy:app"):
        await authenticate(scope=scope)
