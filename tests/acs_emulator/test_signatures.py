"""Signed requests: what is accepted is exactly what was signed."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest
from azure.communication.identity._shared.policy import HMACCredentialsPolicy
from azure.core.credentials import AzureKeyCredential
from azure.core.pipeline import PipelineContext, PipelineRequest
from azure.core.pipeline.transport import HttpRequest

from acs_emulator.signatures import sign
from tests.acs_emulator.support import BASE_URL, HOST, World, make_world, signed_headers

TARGET = "/identities?api-version=2023-10-01"


async def send(world: World, headers: dict[str, str], *, target: str = TARGET, content: bytes = b"{}") -> int:
    return (await world.http.post(target, content=content, headers=headers)).status_code


def _date_of(request: HttpRequest) -> datetime:
    return parsedate_to_datetime(request.headers["x-ms-date"])


def signed(world: World, target: str = TARGET, content: bytes = b"{}") -> dict[str, str]:
    return signed_headers(world.clock(), world.service.key, "POST", target, content)


async def test_a_request_signed_with_the_access_key_is_accepted(world: World) -> None:
    assert await send(world, signed(world)) == 201


async def test_the_official_sdks_signature_is_accepted() -> None:
    world = make_world()
    user_id = (await world.identity("POST", "/identities")).json()["identity"]["id"]
    for path in (user_id, user_id.replace(":", "%3A")):
        url = f"{BASE_URL}/identities/{path}/:issueAccessToken?api-version=2023-10-01"
        body = json.dumps({"scopes": ["chat"]})
        request = HttpRequest("POST", url, headers={"Content-Type": "application/json"}, data=body)
        policy = HMACCredentialsPolicy(BASE_URL, AzureKeyCredential(world.service.access_key))
        policy.on_request(PipelineRequest(request, PipelineContext(None)))  # type: ignore[no-untyped-call]  # the SDK is untyped
        world.clock.moment = _date_of(request)
        answer = await world.http.post(url, content=body, headers=dict(request.headers))
        assert answer.status_code == 200, answer.text
    await world.http.aclose()


@pytest.mark.parametrize(
    "change",
    [
        {"x-ms-content-sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="},
        {"x-ms-date": "Sat, 31 Jan 2026 12:00:01 GMT"},
        {"x-ms-date": "yesterday"},
        {"x-ms-date": ""},
        {"Host": "other.test"},
        {"Authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=AAAA"},
        {"Authorization": "HMAC-SHA256 SignedHeaders=host&Signature=AAAA"},
        {"Authorization": "Basic dTpw"},
        {"Authorization": ""},
    ],
)
async def test_a_changed_header_is_a_401(world: World, change: dict[str, str]) -> None:
    assert await send(world, {**signed(world), **change}) == 401


async def test_another_body_target_method_or_key_is_a_401(world: World) -> None:
    headers = signed(world)
    assert await send(world, headers, content=b"{ }") == 401
    assert await send(world, headers, target=f"{TARGET}&x=1") == 401
    assert await send(world, signed_headers(world.clock(), b"other key", "POST", TARGET, b"{}")) == 401
    assert await send(world, signed_headers(world.clock(), world.service.key, "PUT", TARGET, b"{}")) == 401


async def test_the_path_counts_as_it_was_sent(world: World) -> None:
    encoded, raw = "/identities/8%3Aacs?api-version=2023-10-01", "/identities/8:acs?api-version=2023-10-01"
    sent = await world.http.delete(
        encoded, headers=signed_headers(world.clock(), world.service.key, "DELETE", encoded, b"")
    )
    other = await world.http.delete(
        encoded, headers=signed_headers(world.clock(), world.service.key, "DELETE", raw, b"")
    )
    assert (sent.status_code, other.status_code) == (404, 401)


@pytest.mark.parametrize(("minutes", "status"), [(-15, 201), (15, 201), (-15.1, 401), (15.1, 401)])
async def test_the_clocks_may_differ_by_15_minutes(world: World, minutes: float, status: int) -> None:
    late = world.clock() + timedelta(minutes=minutes)
    assert await send(world, signed_headers(late, world.service.key, "POST", TARGET, b"{}")) == status


async def test_a_date_without_a_zone_is_utc(world: World) -> None:
    date, content_hash = "Sat, 31 Jan 2026 12:00:00 -0000", signed(world)["x-ms-content-sha256"]
    signature = sign(world.service.key, "POST", TARGET, date=date, host=HOST, content_hash=content_hash)
    authorization = f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}"
    assert await send(world, {**signed(world), "x-ms-date": date, "Authorization": authorization}) == 201
