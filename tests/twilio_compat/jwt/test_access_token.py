"""The same tokens as twilio-python's, header by header and claim by claim."""

import inspect
import warnings

import jwt
import pytest

from twilio_compat.jwt import Jwt, JwtDecodeError
from twilio_compat.jwt.access_token import AccessToken, AccessTokenGrant
from twilio_compat.jwt.access_token.grants import ChatGrant, SyncGrant, VideoGrant

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from twilio.jwt import access_token as theirs
    from twilio.jwt.access_token import grants as their_grants

ACCOUNT, KEY, SECRET = "AC" + "1" * 32, "SK" + "2" * 32, "s" * 32
CHAT = {"service_sid": "IS1", "endpoint_id": "e", "deployment_role_sid": "RL1", "push_credential_sid": "CR1"}


def taken_apart(token: str) -> tuple[dict[str, object], dict[str, object]]:
    parts = jwt.decode_complete(token, SECRET, algorithms=["HS256"], options={"verify_nbf": False})
    return parts["header"], parts["payload"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"identity": "alice"},
        {"identity": "alice", "ttl": 60},
        {"identity": "alice", "nbf": None},
        {"identity": "alice", "nbf": 1_800_000_000},
        {"identity": "alice", "valid_until": 4_000_000_000},
        {"identity": "alice", "region": "ie1"},
    ],
)
@pytest.mark.parametrize("chat", [{}, {"service_sid": "IS1"}, CHAT])
def test_a_token_says_what_twilios_says(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, object], chat: dict[str, str]
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_790_000_000.5)
    ours = AccessToken(ACCOUNT, KEY, SECRET, grants=[ChatGrant(**chat)], **options)
    other = theirs.AccessToken(ACCOUNT, KEY, SECRET, grants=[their_grants.ChatGrant(**chat)], **options)
    assert other.headers == ours.headers
    assert other.payload == ours.payload
    assert type(other.to_jwt()) is type(ours.to_jwt())
    unlimited = {"verify_exp": False, "verify_nbf": False}
    decoded = [
        jwt.decode_complete(each.to_jwt(ttl=120), SECRET, algorithms=["HS256"], options=unlimited)
        for each in (other, ours)
    ]
    assert decoded[0]["header"] == decoded[1]["header"]
    assert decoded[0]["payload"] == decoded[1]["payload"]


@pytest.mark.parametrize(
    ("ours", "other"),
    [
        (ChatGrant, their_grants.ChatGrant),
        (SyncGrant, their_grants.SyncGrant),
        (VideoGrant, their_grants.VideoGrant),
        (AccessToken, theirs.AccessToken),
    ],
)
def test_constructors_take_the_same_arguments_in_the_same_order(ours: type, other: type) -> None:
    assert list(inspect.signature(other).parameters) == list(inspect.signature(ours).parameters)


@pytest.mark.parametrize("name", ["ChatGrant", "SyncGrant", "VideoGrant"])
def test_each_grant_has_the_key_and_payload_of_twilios(name: str) -> None:
    ours = {"ChatGrant": ChatGrant, "SyncGrant": SyncGrant, "VideoGrant": VideoGrant}[name]
    other = getattr(their_grants, name)
    parameters = dict.fromkeys(inspect.signature(other).parameters, "x")
    assert (other().key, other().to_payload()) == (ours().key, ours().to_payload())
    assert other(**parameters).to_payload() == ours(**parameters).to_payload()
    assert str(other(**parameters)) == str(ours(**parameters))


def test_a_grant_can_be_added_later() -> None:
    token = AccessToken(ACCOUNT, KEY, SECRET, identity="alice")
    token.add_grant(ChatGrant(service_sid="IS1"))
    _, payload = taken_apart(token.to_jwt())
    assert {"identity": "alice", "chat": {"service_sid": "IS1"}} == payload["grants"]


def test_two_tokens_do_not_share_their_grants() -> None:
    AccessToken(ACCOUNT, KEY, SECRET).add_grant(ChatGrant())
    assert [] == AccessToken(ACCOUNT, KEY, SECRET).grants


def test_a_grant_of_another_product_is_a_subclass_away() -> None:
    class VoiceGrant(AccessTokenGrant):
        @property
        def key(self) -> str:
            return "voice"

        def to_payload(self) -> dict[str, object]:
            return {"incoming": {"allow": True}}

    _, payload = taken_apart(AccessToken(ACCOUNT, KEY, SECRET, grants=[VoiceGrant()]).to_jwt())
    assert {"voice": {"incoming": {"allow": True}}} == payload["grants"]


def test_what_is_no_grant_is_refused_as_at_twilio() -> None:
    with pytest.raises(ValueError, match=r"^Grants must be instances of AccessTokenGrant\.$"):
        AccessToken(ACCOUNT, KEY, SECRET, grants=["chat"])  # type: ignore[list-item]  # that is the point
    with pytest.raises(ValueError, match=r"^Grant must be an instance of AccessTokenGrant\.$"):
        AccessToken(ACCOUNT, KEY, SECRET).add_grant("chat")  # type: ignore[arg-type]  # that is the point


def test_without_a_secret_nothing_is_signed() -> None:
    with pytest.raises(ValueError, match="does not have a signing key"):
        AccessToken(ACCOUNT, KEY, "").to_jwt()


def test_a_token_can_be_read_back() -> None:
    made = AccessToken(ACCOUNT, KEY, SECRET, identity="alice", grants=[ChatGrant(service_sid="IS1")])
    read = AccessToken.from_jwt(made.to_jwt(), SECRET)
    assert isinstance(read, Jwt)
    assert (made.headers, KEY, ACCOUNT) == (read.headers, read.issuer, read.subject)
    assert made.payload["grants"] == read.payload["grants"]


@pytest.mark.parametrize("key", ["", SECRET])
def test_a_token_that_cannot_be_read_is_a_decode_error(key: str) -> None:
    with pytest.raises(JwtDecodeError):
        AccessToken.from_jwt("no.token.atall", key)


def test_a_token_signed_with_another_key_is_a_decode_error() -> None:
    made = AccessToken(ACCOUNT, KEY, SECRET, identity="alice")
    with pytest.raises(JwtDecodeError, match="Signature verification failed"):
        AccessToken.from_jwt(made.to_jwt(), "x" * 32)
