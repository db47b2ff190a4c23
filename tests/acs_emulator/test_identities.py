"""Identities: users, their tokens, and the end of both."""

from __future__ import annotations

import re

import jwt
import pytest

from tests.acs_emulator.support import World, identifier

GUID = "8f4ff6b2-6a1a-4a0c-9c5a-2f6b7c0d1e2f"


async def test_a_user_is_made_without_a_body_and_named_after_the_resource(world: World) -> None:
    bodies: list[object] = [None, {}, {"createTokenWithScopes": []}]
    for body in bodies:
        answer = await world.identity("POST", "/identities", body)
        user_id = answer.json()["identity"]["id"]
        assert (answer.status_code, list(answer.json())) == (201, ["identity"])
        assert re.fullmatch(
            rf"8:acs:{world.service.resource.id}_[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}", user_id
        )


async def test_a_user_is_made_with_a_token_that_expires_when_it_says(world: World) -> None:
    body = {"createTokenWithScopes": ["chat", "voip"], "expiresInMinutes": 60}
    made = (await world.identity("POST", "/identities", body)).json()
    assert made["accessToken"]["expiresOn"] == "2026-01-31T13:00:00.0000000+00:00"
    claims = jwt.decode(made["accessToken"]["token"], options={"verify_signature": False})
    assert made["identity"]["id"] == f"8:{claims['skypeid']}"
    assert (claims["exp"] - claims["iat"], claims["acsScope"]) == (3600, "chat,voip")
    assert (claims["resourceId"], claims["csi"]) == (world.service.resource.id, str(claims["iat"]))


async def test_tokens_live_a_day_unless_asked_otherwise(world: World) -> None:
    ann = await world.user()
    answer = await world.identity("POST", f"/identities/{ann.id}/:issueAccessToken", {"scopes": ["chat"]})
    assert (answer.status_code, answer.json()["expiresOn"]) == (200, "2026-02-01T12:00:00.0000000+00:00")


@pytest.mark.parametrize("minutes", [59, 1441, 0, -60, 60.5, "60", True])
async def test_a_lifetime_out_of_range_is_a_400(world: World, minutes: object) -> None:
    ann = await world.user()
    body = {"createTokenWithScopes": ["chat"], "expiresInMinutes": minutes}
    assert (await world.identity("POST", "/identities", body)).status_code == 400
    issue = {"scopes": ["chat"], "expiresInMinutes": minutes}
    assert (await world.identity("POST", f"/identities/{ann.id}/:issueAccessToken", issue)).status_code == 400


@pytest.mark.parametrize("scopes", [None, [], ["chat", "everything"], [1], [["chat"]], "chat", {}])
async def test_a_token_without_known_scopes_is_a_400(world: World, scopes: object) -> None:
    ann = await world.user()
    answer = await world.identity("POST", f"/identities/{ann.id}/:issueAccessToken", {"scopes": scopes})
    assert (answer.status_code, answer.json()["error"]["target"]) == (400, "scopes")


async def test_revoking_ends_older_tokens_at_once_and_no_newer_one(world: World) -> None:
    ann = await world.user()
    answer = await world.identity("POST", f"/identities/{ann.id}/:revokeAccessTokens")
    newer = await world.token(ann, "chat")
    assert (answer.status_code, answer.content) == (204, b"")
    assert [(await ann.get("/chat/threads")).status_code, (await newer.get("/chat/threads")).status_code] == [
        401,
        200,
    ]


async def test_deleting_a_user_ends_its_tokens_and_memberships_and_keeps_what_it_wrote(world: World) -> None:
    ann, bob = await world.user(), await world.user()
    thread = await world.thread(ann, bob)
    message = await bob.send(thread, "kept")
    await bob.post(f"/chat/threads/{thread}/readReceipts", {"chatMessageId": message})
    assert (await world.identity("DELETE", f"/identities/{bob.id}")).status_code == 204

    assert (await bob.get("/chat/threads")).status_code == 401
    listed = (await ann.get(f"/chat/threads/{thread}/participants")).json()["value"]
    assert [each["communicationIdentifier"]["rawId"] for each in listed] == [ann.id]
    assert (await ann.get(f"/chat/threads/{thread}/readReceipts")).json() == {"value": []}
    assert (await ann.messages(thread))[0]["content"] == {"message": "kept"}
    again = {"participants": [{"communicationIdentifier": identifier(bob.id)}]}
    refused = (await ann.post(f"/chat/threads/{thread}/participants/:add", again)).json()[
        "invalidParticipants"
    ]
    assert [each["code"] for each in refused] == ["404"]


@pytest.mark.parametrize(
    ("method", "action"), [("DELETE", ""), ("POST", "/:revokeAccessTokens"), ("POST", "/:issueAccessToken")]
)
async def test_an_unknown_user_is_a_404(world: World, method: str, action: str) -> None:
    body = {"scopes": ["chat"]} if action else None
    answer = await world.identity(method, f"/identities/8:acs:someone_else{action}", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NotFound")


async def test_a_teams_users_token_is_exchanged_for_one_that_names_that_user(world: World) -> None:
    key = "k" * 32
    teams = jwt.encode({"exp": int(world.clock().timestamp()) + 60}, key)
    body = {"token": teams, "appId": GUID, "userId": GUID}
    answer = await world.identity("POST", "/teamsUser/:exchangeAccessToken", body)
    claims = jwt.decode(answer.json()["token"], options={"verify_signature": False})
    assert (answer.status_code, claims["skypeid"]) == (200, f"orgid:{GUID}")
    as_teams_user = {"Authorization": f"Bearer {answer.json()['token']}"}
    refused = await world.http.get("/chat/threads?api-version=2024-03-07", headers=as_teams_user)
    assert refused.status_code == 401


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"token": ""}, 401),
        ({"token": None}, 401),
        ({"token": "invalid"}, 401),
        ({"token": jwt.encode({"exp": 5}, "k" * 32)}, 401),
        ({"token": 5}, 400),
        ({"appId": ""}, 400),
        ({"appId": "invalid"}, 400),
        ({"userId": None}, 400),
        ({"userId": "invalid"}, 400),
    ],
)
async def test_a_malformed_exchange_is_refused(world: World, change: dict[str, object], status: int) -> None:
    body = {"token": jwt.encode({}, "k" * 32), "appId": GUID, "userId": GUID, **change}
    assert (await world.identity("POST", "/teamsUser/:exchangeAccessToken", body)).status_code == status
