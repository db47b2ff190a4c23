"""A request is led to its handler, and what comes of it is answered as Twilio answers."""

from __future__ import annotations

import json
import logging
import re
from typing import Any, cast

import pytest

from tests.rest.stand_in import DEFAULT, HOST, OTHER, Services, application, raising
from twilio_compat.account import AccountBackend
from twilio_compat.errors import ConfigurationError, LimitError
from twilio_compat.rest.app import Application
from twilio_compat.rest.call import Answer, Call
from twilio_compat.rest.http import Request, Response

CALL = f"{HOST}/v1/Conversations/CH1"


async def ask(
    method: str, url: str, *parameters: tuple[str, str], of: Application | None = None, **headers: str
) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(method=method, url=url, parameters=parameters, headers=named)
    return await (of or application()).handle(request)


async def body(method: str, url: str, *parameters: tuple[str, str], **headers: str) -> Any:
    return json.loads((await ask(method, url, *parameters, **headers)).text)


async def test_a_handler_gets_what_the_path_and_the_parameters_say() -> None:
    answered = await body("POST", CALL, ("FriendlyName", "Room"), x_twilio_webhook_enabled="true")
    assert {
        "service": DEFAULT,
        "account": "AC" + "d" * 32,
        "acts_in": DEFAULT,
        "tells": True,
        "webhooks": True,
        "path": {"Sid": "CH1"},
        "values": {"FriendlyName": "Room"},
        "page": [50, 0, None],
        "url": CALL,
    } == answered


async def test_a_service_in_the_path_is_the_one_that_is_asked_and_named_in_urls() -> None:
    answered = await body("GET", f"{HOST}/v1/Services/{OTHER}/Conversations/CH1")
    assert (OTHER, OTHER) == (answered["service"], answered["acts_in"])
    assert f"{HOST}/v1/Services/{OTHER}/Conversations/CH1" == answered["url"]


async def test_urls_are_at_the_host_that_was_asked() -> None:
    answered = await body("GET", "https://conversations.dublin.ie1.twilio.com/v1/Conversations/CH1")
    assert "https://conversations.dublin.ie1.twilio.com/v1/Conversations/CH1" == answered["url"]


async def test_a_query_in_the_url_counts_with_the_parameters() -> None:
    response = await ask("GET", f"{HOST}/v1/Conversations?PageSize=2&State=closed", ("Page", "1"))
    meta = json.loads(response.text)["meta"]
    assert (2, 1, f"{HOST}/v1/Conversations?State=closed&PageSize=2&Page=1") == (
        meta["page_size"],
        meta["page"],
        meta["url"],
    )


async def test_what_is_made_deleted_and_led_elsewhere_is_told_by_the_status() -> None:
    media = f"https://mcs.us1.twilio.com/v1/Services/{DEFAULT}/Media"
    assert 201 == (await ask("POST", f"{HOST}/v1/Conversations")).status
    deleted = await ask("DELETE", CALL)
    assert (204, "") == (deleted.status, deleted.text)
    content = await ask("GET", f"{media}/ME1/Content")
    assert (307, "https://files.example.com/ME1?signed") == (content.status, content.headers["Location"])


async def test_every_answer_has_the_headers_that_twilios_have() -> None:
    for response in (await ask("GET", CALL), await ask("GET", f"{HOST}/v1/Nothing"), await ask("PUT", CALL)):
        assert "application/json; charset=utf-8" == response.headers["Content-Type"]
        assert re.fullmatch(r"RQ[0-9a-f]{32}", response.headers["Twilio-Request-Id"])
        assert re.fullmatch(r"\d+\.\d{3}", response.headers["Twilio-Request-Duration"])
        assert "1" == response.headers["Twilio-Concurrent-Requests"]


@pytest.mark.parametrize(
    ("method", "url", "shown"),
    [
        ("GET", f"{HOST}/v1/Nothing", "/Nothing"),
        ("GET", f"{HOST}/v2/Conversations", "/v2/Conversations"),
        ("GET", f"{HOST}/v1x/Conversations", "x/Conversations"),
        ("GET", f"{HOST}/Conversations", "/Conversations"),
        ("GET", f"{HOST}/v1", ""),
        ("GET", f"{HOST}/v1/", "/"),
        ("GET", f"{HOST}/v1/Conversations/a%20b/Other", "/Conversations/a b/Other"),
        ("GET", f"{HOST}/v1/Conversations/a%00b", "/Conversations/a\0b"),
        ("GET", f"{HOST}/v1/Services/undefined/Users", "/Services/undefined"),
        ("GET", f"{HOST}/v1/Services/undefined/Users/bob/Conversations", "/Services/undefined"),
    ],
)
async def test_what_is_not_there_is_named_as_it_was_asked_for(method: str, url: str, shown: str) -> None:
    response = await ask(method, url)
    assert {
        "code": 20404,
        "message": f"The requested resource {shown} was not found",
        "more_info": "https://www.twilio.com/docs/errors/20404",
        "status": 404,
    } == json.loads(response.text)
    assert 404 == response.status


async def test_a_url_that_is_none_is_not_found() -> None:
    assert 404 == (await ask("GET", "https://[conversations.twilio.com/v1/Conversations")).status


@pytest.mark.parametrize("method", ["PUT", "PATCH", "BREW"])
async def test_a_method_that_a_path_does_not_have_is_not_allowed(method: str) -> None:
    response = await ask(method, CALL)
    assert (405, 20004) == (response.status, json.loads(response.text)["code"])


async def test_webhooks_are_told_only_where_the_operation_has_them_and_the_caller_says_so() -> None:
    assert (await body("POST", CALL, x_twilio_webhook_enabled="True"))["webhooks"]
    assert not (await body("POST", CALL, x_twilio_webhook_enabled="false"))["webhooks"]
    assert not (await body("POST", CALL))["webhooks"]
    assert not (await body("GET", CALL, x_twilio_webhook_enabled="true"))["webhooks"]


async def test_a_refusal_of_a_handler_is_answered_with_the_path_of_the_request() -> None:
    async def refuse(call: Call) -> Answer:
        raise LimitError("Identity not provided", code=50204)

    response = await ask("GET", CALL, of=application(conversations_fetch=refuse))
    assert (400, 50204) == (response.status, json.loads(response.text)["code"])


async def test_a_bug_is_logged_and_answered_with_500(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        response = await ask("GET", CALL, of=application(conversations_fetch=raising))
    assert (500, 20500) == (response.status, json.loads(response.text)["code"])
    [record] = caplog.records
    assert "GET /Conversations/CH1" in record.getMessage()
    assert record.exc_info is not None
    assert KeyError is record.exc_info[0]


async def test_a_refusal_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    await ask("GET", f"{HOST}/v1/Conversations?Nonsense=1")
    assert [] == caplog.records


async def test_a_missing_setting_is_raised_for_who_runs_the_application() -> None:
    async def unset(call: Call) -> Answer:
        raise ConfigurationError("THIS is not set")

    with pytest.raises(ConfigurationError, match="THIS"):
        await ask("GET", CALL, of=application(conversations_fetch=unset))


async def test_the_account_is_the_one_of_the_settings_where_they_have_one() -> None:
    served = application(account_sid="AC" + "7" * 32)
    assert "AC" + "7" * 32 == json.loads((await ask("GET", CALL, of=served)).text)["account"]


async def test_the_body_and_the_headers_are_handed_on_to_who_takes_a_file() -> None:
    async def take(call: Call) -> Answer:
        assert isinstance(call.body, bytes)
        return {"size": len(call.body), "type": call.headers["content-type"]}

    request = Request(
        method="POST",
        url=f"https://mcs.us1.twilio.com/v1/Services/{DEFAULT}/Media?Filename=a.png",
        headers={"content-type": "image/png"},
        body=b"12345",
    )
    response = await application(media_create=take).handle(request)
    assert (201, {"size": 5, "type": "image/png"}) == (response.status, json.loads(response.text))


async def test_it_tells_how_a_path_can_be_asked_and_where_a_body_is_a_file() -> None:
    served = application()
    assert {"GET", "POST", "DELETE"} == served.methods("/v1/Conversations/CH1")
    assert set() == served.methods("/v1/Nothing")
    assert served.takes_file("POST", f"/v1/Services/{DEFAULT}/Media")
    assert not served.takes_file("GET", f"/v1/Services/{DEFAULT}/Media/ME1")
    assert not served.takes_file("POST", "/v1/Conversations")


async def test_a_backend_is_left_open() -> None:
    backend = Services()
    await ask("GET", CALL, of=Application(cast(AccountBackend, backend)))
    assert 0 == backend.closed
