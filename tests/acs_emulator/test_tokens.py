"""User tokens: every claim reads back, and the official Python SDK can read the payload."""

from __future__ import annotations

import base64
import json
import string

import pytest
from azure.communication.chat import CommunicationTokenCredential
from hypothesis import given
from hypothesis import strategies as st

from acs_emulator.errors import AcsError
from acs_emulator.identifiers import new_resource_id, new_user_id
from acs_emulator.tokens import SCOPES, Claims, TokenSigner

chance = st.binary(min_size=16, max_size=16)
scopes = st.lists(st.sampled_from(SCOPES), min_size=1, unique=True)
seconds = st.integers(0, 2**40)


@given(chance, st.integers(0, 2**32 - 1), scopes, seconds, seconds, st.integers(0, 10**6))
def test_a_token_reads_back_and_its_payload_is_plain_base64(
    drawn: bytes, number: int, scope: list[str], issued: int, expires: int, revocation: int
) -> None:
    resource = new_resource_id(lambda size: drawn[:size])
    user = new_user_id(resource, number, lambda size: drawn[:size])
    signer = TokenSigner(drawn + b"key", resource)
    token = signer.issue(user, scope, issued=issued, expires=expires, revocation=revocation)
    payload = token.split(".")[1]
    assert set(payload) <= set(string.ascii_letters + string.digits)
    decoded = json.loads(base64.b64decode(payload + "=" * (-len(payload) % 4)).decode("ascii"))
    assert decoded["exp"] == expires
    assert signer.read(token) == Claims(user, tuple(scope), expires, revocation)


def test_the_official_sdk_reads_the_expiry() -> None:
    signer = TokenSigner(b"key", "resource")
    token = signer.issue("8:acs:resource_user", ["chat"], issued=0, expires=4102444800)
    read = CommunicationTokenCredential(token).get_token()  # type: ignore[no-untyped-call]  # the SDK is untyped
    assert read.expires_on == 4102444800


def test_a_token_signed_with_another_key_is_a_401() -> None:
    token = TokenSigner(b"one", "r").issue("8:acs:r_u", ["chat"], issued=0, expires=1)
    with pytest.raises(AcsError) as caught:
        TokenSigner(b"two", "r").read(token)
    assert caught.value.status == 401
