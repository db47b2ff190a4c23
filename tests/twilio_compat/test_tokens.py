"""A token is believed only if everything about it is right, and otherwise refused with Twilio's code."""

from datetime import UTC, datetime, timedelta

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilio_compat.errors import TokenError
from twilio_compat.jwt.access_token import AccessToken
from twilio_compat.jwt.access_token.grants import ChatGrant, VideoGrant
from twilio_compat.tokens import VerifiedToken, read_token, verify_token

ACCOUNT, KEY, SECRET = "AC" + "1" * 32, "SK" + "2" * 32, "s" * 32
NOW = datetime.fromtimestamp(1_790_000_000, UTC)


def claims(**changes: object) -> dict[str, object]:
    now = int(NOW.timestamp())
    grants = {"identity": "alice", "chat": {"service_sid": "IS1"}}
    return {"iss": KEY, "sub": ACCOUNT, "nbf": now, "exp": now + 3600, "grants": grants} | changes


def signed(payload: dict[str, object], *, secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(payload, secret, algorithm=algorithm, headers={"cty": "twilio-fpa;v=1"})


def verify(token: str, now: datetime = NOW) -> VerifiedToken:
    return verify_token(token, key=KEY, secret=SECRET, now=now)


def test_a_good_token_tells_who_it_is_for() -> None:
    expected = VerifiedToken(identity="alice", expires_at=NOW + timedelta(hours=1), service_sid="IS1")
    assert expected == verify(signed(claims()))


def test_a_token_made_here_is_good_here() -> None:
    token = AccessToken(ACCOUNT, KEY, SECRET, identity="alice", grants=[ChatGrant(service_sid="IS1")])
    assert "alice" == verify(token.to_jwt(), datetime.now(UTC)).identity


def test_the_grant_of_an_old_library_counts_too() -> None:
    grants = {"identity": "alice", "ip_messaging": {"service_sid": "IS2"}}
    assert "IS2" == verify(signed(claims(grants=grants))).service_sid


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("", 20101),
        ("no token", 20101),
        ("a.b.c", 20101),
        ("e30.e30.", 20102),
        (signed(claims()) + "x", 20107),
        (signed(claims(), secret="x" * 32), 20107),
        (signed(claims(), secret="x" * 64, algorithm="HS512"), 20102),
        (jwt.encode(claims(), None, algorithm="none"), 20102),
        (signed(claims(iss="SK" + "9" * 32)), 20103),
        (signed(claims(exp=int(NOW.timestamp()))), 20104),
        (signed({key: value for key, value in claims().items() if key != "exp"}), 20104),
        (signed(claims(nbf=int(NOW.timestamp()) + 1)), 20105),
        (signed(claims(grants={"identity": "alice", "video": {}})), 20106),
        (signed(claims(grants=None)), 20106),
        (signed(claims(exp=int(NOW.timestamp()) + 24 * 3600 + 1)), 20157),
        (signed(claims(grants={"chat": {}})), 51105),
        (signed(claims(grants={"chat": {}, "identity": ""})), 51105),
        (signed(claims(grants={"chat": {}, "identity": 5})), 51105),
        (signed(claims(grants={"chat": {}, "identity": "x" * 257})), 50207),
    ],
)
def test_a_faulty_token_is_refused_with_twilios_code(token: str, code: int) -> None:
    with pytest.raises(TokenError) as caught:
        verify(token)
    assert (401, code) == (caught.value.status, caught.value.code)


@given(st.text() | st.binary().map(lambda noise: noise.decode("latin-1")))
def test_noise_is_refused_and_never_breaks_anything(noise: str) -> None:
    with pytest.raises(TokenError):
        verify(noise)


@given(st.integers(0, 2**31))
def test_a_changed_token_is_refused(position: int) -> None:
    token = signed(claims())
    place = position % (len(token) - 1)
    changed = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
    with pytest.raises(TokenError):
        verify(changed)


def test_a_twilio_token_is_known_by_its_marks() -> None:
    assert read_token(signed(claims())).is_twilio
    assert read_token(jwt.encode(claims(), SECRET)).is_twilio
    assert not read_token(jwt.encode({"skypeid": "acs:x", "exp": 1}, SECRET)).is_twilio


def test_a_token_for_another_product_alone_does_not_open_conversations() -> None:
    token = AccessToken(ACCOUNT, KEY, SECRET, identity="alice", grants=[VideoGrant(room="r")])
    with pytest.raises(TokenError, match="ChatGrant"):
        verify(token.to_jwt(), datetime.now(UTC))
