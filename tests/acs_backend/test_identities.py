"""Who is who, on a running emulator."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from azure.communication.identity import CommunicationUserIdentifier
from azure.communication.identity.aio import CommunicationIdentityClient
from azure.core.credentials import AzureKeyCredential

from acs_backend.clients import AcsClients
from acs_backend.connection_string import parse_connection_string
from acs_backend.identities import STEWARD, Identities
from acs_backend.retries import Retries
from acs_backend.store.database import Database
from acs_emulator import Emulator
from tests.acs_backend.stub_service import Answer, StubService, says, says_nothing, says_text
from twilio_compat.errors import (
    ArgumentError,
    ConfigurationError,
    DirectModeError,
    ForbiddenError,
    InvalidResponseError,
    LimitError,
    RateLimitedError,
    ServiceTimeoutError,
    ServiceUnavailableError,
    TokenError,
)
from twilio_compat.jwt.access_token import AccessToken
from twilio_compat.jwt.access_token.grants import ChatGrant
from twilio_compat.records import Actor
from twilio_compat.settings import Settings

KEY, SECRET = "SK" + "2" * 32, "s" * 32


def now() -> datetime:
    return datetime.now(UTC)


def twilio_token(identity: str, **options: int) -> str:
    grants = [ChatGrant(service_sid="IS1")]
    return AccessToken("AC" + "1" * 32, KEY, SECRET, identity=identity, grants=grants, **options).to_jwt()


def settings_for(emulator: Emulator, **changes: object) -> Settings:
    given = {
        "connection_string": emulator.connection_string,
        "twilio_api_key": KEY,
        "twilio_api_secret": SECRET,
        "database_url": "sqlite://",
    }
    return Settings(**(given | changes))


@asynccontextmanager
async def opened(
    settings: Settings, *, endpoint: str | None = None, clock: Callable[[], datetime] = now
) -> AsyncIterator[Identities]:
    """Open identities; with *endpoint* in direct mode."""
    if endpoint is None:
        parsed = parse_connection_string(settings.connection_string or "")
        clients = AcsClients(parsed.endpoint, parsed.access_key, timeout=5.0)
    else:
        clients = AcsClients(endpoint, None, timeout=5.0)
    database = Database(settings.database_url)
    retries = Retries(deadline=settings.deadline, attempt_timeout=settings.request_timeout)
    try:
        yield Identities(settings, clients, database, retries, clock=clock)
    finally:
        await clients.close()
        await database.close()


async def test_an_identity_keeps_the_acs_user_it_got(emulator: Emulator) -> None:
    async with opened(settings_for(emulator)) as identities:
        first = await identities.acs_id("alice")
        assert first.startswith("8:acs:")
        assert first == await identities.acs_id("alice")
        assert first != await identities.acs_id("bob")
        assert {first: "alice"} == await identities.names([first])


async def test_an_identity_seen_by_many_tasks_at_once_gets_one_user(emulator: Emulator) -> None:
    async with opened(settings_for(emulator)) as identities:
        ids = await asyncio.gather(*(identities.acs_id("alice") for _ in range(20)))
    assert 1 == len(set(ids))


async def test_two_backends_that_see_an_identity_at_once_agree(emulator: Emulator, shared_store: str) -> None:
    settings = settings_for(emulator, database_url=shared_store)
    async with opened(settings) as one, opened(settings) as other:
        names = [f"user {number}" for number in range(10)]
        ours = asyncio.gather(*(one.acs_id(name) for name in names))
        theirs = asyncio.gather(*(other.acs_id(name) for name in names))
        agreed = await ours
        assert agreed == await theirs
        assert (await one.steward()).id == (await other.steward()).id
        assert {*agreed, (await one.steward()).id} == set(emulator.service.state.users)


async def test_a_raw_acs_id_is_its_own_identity(emulator: Emulator) -> None:
    async with opened(settings_for(emulator)) as identities:
        assert "8:acs:r_u" == await identities.acs_id("8:acs:r_u")
        assert {"8:acs:r_u": "8:acs:r_u"} == await identities.names(["8:acs:r_u"])


async def test_looking_an_identity_up_makes_nobody(emulator: Emulator) -> None:
    async with opened(settings_for(emulator)) as identities:
        assert await identities.known_acs_id("alice") is None
        made = await identities.acs_id("alice")
        assert made == await identities.known_acs_id("alice")
        assert await identities.known_acs_id(STEWARD) is None


@pytest.mark.parametrize(
    ("identity", "error", "code"),
    [
        ("", LimitError, 50204),
        ("x" * 257, LimitError, 50207),
        (STEWARD, ForbiddenError, 50203),
    ],
)
async def test_an_identity_that_cannot_be_is_refused(
    emulator: Emulator, identity: str, error: type[LimitError], code: int
) -> None:
    async with opened(settings_for(emulator)) as identities:
        with pytest.raises(error) as caught:
            await identities.acs_id(identity)
    assert code == caught.value.code


@pytest.mark.parametrize("identity", ["a\0b", "\ud800"])
async def test_an_identity_that_is_no_text_is_refused(emulator: Emulator, identity: str) -> None:
    async with opened(settings_for(emulator)) as identities:
        with pytest.raises(ArgumentError):
            await identities.acs_id(identity)


async def test_the_steward_is_hidden_and_not_native(emulator: Emulator) -> None:
    async with opened(settings_for(emulator)) as identities:
        steward, alice = await identities.steward(), await identities.acs_id("alice")
        assert {alice: "alice"} == await identities.names([steward.id, alice])
        assert not await identities.native([steward.id, alice])


async def test_a_user_who_was_told_their_acs_id_counts_as_native(emulator: Emulator) -> None:
    async with opened(settings_for(emulator)) as identities:
        alice, bob = await identities.acs_id("alice"), await identities.acs_id("bob")
        assert not await identities.native([alice, bob])
        issued = await identities.issue("bob")
        assert bob == issued.acs_user_id
        assert await identities.native([alice, bob])
        assert not await identities.native([alice])
        assert await identities.native(["8:acs:stranger"])


async def test_an_issued_token_signs_in_as_the_same_person(emulator: Emulator) -> None:
    async with opened(settings_for(emulator)) as identities:
        issued = await identities.issue("alice")
        assert issued.token is not None
        assert issued.expires_on is not None
        assert timedelta(hours=23) < issued.expires_on - now() <= timedelta(hours=24)
        actor = await identities.sign_in(issued.token)
        assert ("alice", issued.acs_user_id) == (actor.identity, (await identities.acting(actor)).id)


async def test_without_a_token_only_the_id_is_told(emulator: Emulator) -> None:
    async with opened(settings_for(emulator)) as identities:
        issued = await identities.issue("alice", with_token=False)
        assert (None, None) == (issued.token, issued.expires_on)


@pytest.mark.parametrize("identity", [STEWARD, "", "8:acs:r_u"])
async def test_nobody_is_told_who_the_steward_is(emulator: Emulator, identity: str) -> None:
    async with opened(settings_for(emulator)) as identities:
        with pytest.raises((ForbiddenError, LimitError, ArgumentError)):
            await identities.issue(identity)


async def test_a_twilio_token_signs_in(emulator: Emulator) -> None:
    async with opened(settings_for(emulator)) as identities:
        token = twilio_token("alice")
        actor = await identities.sign_in(token)
        assert ("alice", token, "IS1") == (actor.identity, actor.token, actor.service_sid)
        user = await identities.acting(actor)
        assert await identities.acs_id("alice") == user.id
        assert (await user.credential.get_token()).token


@pytest.mark.parametrize("missing", ["twilio_api_key", "twilio_api_secret"])
async def test_a_twilio_token_that_cannot_be_verified_names_the_setting(
    emulator: Emulator, missing: str
) -> None:
    async with opened(settings_for(emulator, **{missing: None})) as identities:
        with pytest.raises(ConfigurationError, match=missing.upper()):
            await identities.sign_in(twilio_token("alice"))


async def test_everything_that_a_twilio_token_needs_is_named_at_once() -> None:
    names = "COMMUNICATION_SERVICES_CONNECTION_STRING, TWILIO_API_KEY, TWILIO_API_SECRET"
    async with opened(Settings(database_url="sqlite://"), endpoint="http://127.0.0.1:9") as identities:
        with pytest.raises(ConfigurationError, match=names):
            await identities.sign_in(twilio_token("alice"))


@pytest.mark.parametrize("identity", [STEWARD, "8:acs:r_u"])
async def test_a_twilio_token_cannot_pose_as_an_acs_user(emulator: Emulator, identity: str) -> None:
    async with opened(settings_for(emulator)) as identities:
        with pytest.raises(TokenError) as caught:
            await identities.sign_in(twilio_token(identity))
    assert 50203 == caught.value.code


async def test_a_session_ends_with_its_token(emulator: Emulator) -> None:
    time = [now()]
    async with opened(settings_for(emulator), clock=lambda: time[0]) as identities:
        actor = await identities.sign_in(twilio_token("alice", ttl=60))
        await identities.acting(actor)
        time[0] += timedelta(seconds=61)
        with pytest.raises(TokenError) as caught:
            await identities.acting(actor)
    assert 20104 == caught.value.code


async def native_token(emulator: Emulator) -> tuple[str, str]:
    """Make an ACS user past the library; return its id and a token."""
    endpoint = emulator.http_endpoint.rstrip("/")
    async with CommunicationIdentityClient(endpoint, AzureKeyCredential(emulator.access_key)) as client:
        user, token = await client.create_user_and_token(["chat"])
    return user.properties["id"], token.token


async def test_who_signs_in_with_a_token_from_elsewhere_counts_as_native(emulator: Emulator) -> None:
    endpoint = emulator.http_endpoint.rstrip("/")
    async with opened(settings_for(emulator)) as identities:
        acs_id = await identities.acs_id("bob")
        assert not await identities.native([acs_id])
        async with CommunicationIdentityClient(endpoint, AzureKeyCredential(emulator.access_key)) as client:
            token = await client.get_token(CommunicationUserIdentifier(acs_id), ["chat"])
        assert "bob" == (await identities.sign_in(token.token)).identity
        assert await identities.native([acs_id])


async def test_a_native_user_signs_in_under_their_acs_id(emulator: Emulator) -> None:
    acs_id, token = await native_token(emulator)
    async with opened(settings_for(emulator)) as identities:
        actor = await identities.sign_in(token)
        assert (acs_id, acs_id) == (actor.identity, (await identities.acting(actor)).id)


async def test_an_acs_token_is_enough_in_direct_mode(emulator: Emulator) -> None:
    acs_id, token = await native_token(emulator)
    async with opened(
        Settings(database_url="sqlite://"), endpoint=emulator.http_endpoint.rstrip("/")
    ) as identities:
        actor = await identities.sign_in(token)
        assert (True, acs_id) == (identities.direct, actor.identity)
        assert "8:acs:r_u" == await identities.acs_id("8:acs:r_u")
        for needs_a_user in (identities.steward(), identities.acs_id("bob"), identities.issue("bob")):
            with pytest.raises(DirectModeError, match="COMMUNICATION_SERVICES_CONNECTION_STRING"):
                await needs_a_user


async def test_the_stewards_own_token_signs_nobody_in(emulator: Emulator) -> None:
    async with opened(settings_for(emulator)) as identities:
        steward = await identities.steward()
        token = await steward.credential.get_token()
        with pytest.raises(TokenError):
            await identities.sign_in(token.token)


async def revoke_tokens(emulator: Emulator, acs_id: str) -> None:
    endpoint = emulator.http_endpoint.rstrip("/")
    async with CommunicationIdentityClient(endpoint, AzureKeyCredential(emulator.access_key)) as client:
        await client.revoke_tokens(CommunicationUserIdentifier(acs_id))


async def test_a_revoked_acs_token_is_refused(emulator: Emulator) -> None:
    acs_id, token = await native_token(emulator)
    await revoke_tokens(emulator, acs_id)
    async with opened(settings_for(emulator)) as identities:
        with pytest.raises(TokenError):
            await identities.sign_in(token)


async def test_a_token_that_we_issued_is_replaced_when_it_was_revoked(emulator: Emulator) -> None:
    parsed = parse_connection_string(emulator.connection_string)
    clients = AcsClients(parsed.endpoint, parsed.access_key, timeout=5.0)
    async with opened(settings_for(emulator)) as identities:
        user = await identities.acting(await identities.sign_in(twilio_token("alice")))
        assert [] == [each async for each in clients.chat(user).list_chat_threads()]
        await revoke_tokens(emulator, user.id)
        assert [] == [each async for each in clients.chat(user).list_chat_threads()]
    await clients.close()


async def test_a_forged_acs_token_is_refused(emulator: Emulator) -> None:
    _, token = await native_token(emulator)
    head, payload, _ = token.split(".")
    async with opened(settings_for(emulator)) as identities:
        with pytest.raises(TokenError) as caught:
            await identities.sign_in(f"{head}.{payload}.AAAA")
    assert (401, 20101) == (caught.value.status, caught.value.code)


def unsigned(**claims: object) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "none"}, claims)
    ]
    return f"{parts[0]}.{parts[1]}.AAAA"


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("", 20101),
        ("nonsense", 20101),
        (unsigned(exp=2**33), 20101),
        (unsigned(skypeid=5, exp=2**33), 20101),
        (unsigned(skypeid="acs:x"), 20104),
        (unsigned(skypeid="acs:x", exp=1), 20104),
    ],
)
async def test_a_token_that_says_too_little_is_refused_before_any_call(token: str, code: int) -> None:
    async with StubService(says(500)) as stub:
        async with opened(Settings(database_url="sqlite://"), endpoint=stub.endpoint) as identities:
            with pytest.raises(TokenError) as caught:
                await identities.sign_in(token)
        assert (code, []) == (caught.value.code, stub.requests)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (says(401), TokenError),
        (says(403), TokenError),
        (says(429), RateLimitedError),
        (says(500), ServiceUnavailableError),
        (says(503), ServiceUnavailableError),
        (says_text(200, "<html>"), InvalidResponseError),
        (says_nothing, ServiceTimeoutError),
    ],
)
async def test_signing_in_to_a_service_on_a_bad_day_is_a_clear_error(
    answer: Answer, error: type[Exception]
) -> None:
    settings = Settings(database_url="sqlite://", deadline=0.3, request_timeout=0.2)
    async with StubService(answer) as stub, opened(settings, endpoint=stub.endpoint) as identities:
        with pytest.raises(error):
            await identities.sign_in(unsigned(skypeid="acs:x", exp=2**33))


async def test_a_wrong_access_key_names_its_setting(emulator: Emulator) -> None:
    wrong = f"endpoint={emulator.http_endpoint};accesskey={base64.b64encode(b'wrong').decode()}"
    async with opened(settings_for(emulator, connection_string=wrong)) as identities:
        with pytest.raises(ConfigurationError, match="COMMUNICATION_SERVICES_CONNECTION_STRING"):
            await identities.acs_id("alice")


async def test_a_failed_creation_is_not_remembered(emulator: Emulator) -> None:
    actor = Actor(identity="alice", token=twilio_token("alice"), expires_at=now() + timedelta(hours=1))
    settings = settings_for(emulator, deadline=0.1)  # shorter than the first pause
    async with StubService(says(503), says(503), says(201, {"identity": {"id": "8:acs:r_u"}})) as stub:
        broken = replace(settings, connection_string=f"endpoint={stub.endpoint};accesskey=c2VjcmV0")
        async with opened(broken) as identities:
            for _ in range(2):
                with pytest.raises(ServiceUnavailableError):
                    await identities.acting(actor)
            assert "8:acs:r_u" == (await identities.acting(actor)).id
