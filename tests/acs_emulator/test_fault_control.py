"""The faults over HTTP: only where asked for, only from this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from azure.core.exceptions import HttpResponseError

from acs_emulator import Emulator, Options
from acs_emulator.app import build_app
from acs_emulator.service import Service
from tests.acs_emulator.clients import new_token

PATH = "/_emulator/faults"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(Options(faults=True)) as running:
        yield running


@pytest.fixture
def http(emulator: Emulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=str(emulator.http_endpoint)) as client:
        yield client


def test_a_fault_that_is_posted_is_in_force_and_counted(emulator: Emulator, http: httpx.Client) -> None:
    posted = http.post(PATH, json={"kind": "fail-request", "operations": ["CreateIdentity"], "status": 500})
    assert 201 == posted.status_code
    with pytest.raises(HttpResponseError, match="as it was told to"):
        new_token(emulator)
    expected = {
        "number": 1,
        "kind": "fail-request",
        "operations": ["CreateIdentity"],
        "count": None,
        "skip": 0,
        "probability": 1.0,
        "seed": 0,
        "latency": 0.0,
        "status": 500,
        "retry_after": None,
    }
    assert {**expected, "seen": 0, "hits": 0} == posted.json()
    assert {"faults": [{**expected, "seen": 1, "hits": 1}]} == http.get(PATH).json()


def test_all_fields_can_be_given(emulator: Emulator, http: httpx.Client) -> None:
    fault = {"kind": "throttle", "operations": [], "count": 3, "skip": 1, "probability": 0.5, "seed": 7}
    fault |= {"latency": 0.5, "status": 503, "retry_after": 2}
    assert fault.items() <= http.post(PATH, json=fault).json().items()


def test_one_or_all_are_taken_out_of_force(emulator: Emulator, http: httpx.Client) -> None:
    for _ in range(3):
        http.post(PATH, json={"kind": "garbage"})
    assert 204 == http.delete(f"{PATH}/2").status_code
    assert [1, 3] == [each.number for each in emulator.faults.rules]
    assert 204 == http.delete(PATH).status_code
    assert () == emulator.faults.rules


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "required"),
        ({"kind": "flood"}, "kind must be one of delay"),
        ({"kind": "delay", "count": "3"}, "A whole number is expected"),
        ({"kind": "delay", "latency": "long"}, "A number is expected"),
        ({"kind": "delay", "operations": [1]}, "A string is expected"),
        ({"kind": "delay", "operations": ["SendMail"]}, "there is no operation SendMail"),
        ({"kind": "delay", "percent": 3}, "There is no such field; there are kind, operations"),
        ({"kind": "delay", "status": 200}, "status must be between 500 and 599"),
        (["delay"], "A JSON object is expected"),
    ],
)
def test_what_cannot_be_is_a_400_that_says_why(http: httpx.Client, body: Any, text: str) -> None:
    answer = http.post(PATH, json=body)
    assert 400 == answer.status_code
    assert text in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", PATH, 405),
        ("GET", "/_emulator/other", 404),
        ("DELETE", f"{PATH}/9", 404),
        ("GET", f"{PATH}/1", 404),
    ],
)
def test_what_is_not_there_is_said_not_to_be(http: httpx.Client, method: str, path: str, status: int) -> None:
    assert status == http.request(method, path).status_code


def test_no_web_page_is_answered(http: httpx.Client) -> None:
    assert 403 == http.delete(PATH, headers={"Origin": "https://example.com"}).status_code


async def test_no_other_machine_is_answered() -> None:
    app = build_app(Service(Options(faults=True)))
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://acs.test") as client:
        assert 403 == (await client.get(PATH)).status_code


def test_it_is_not_there_unless_asked_for() -> None:
    with Emulator() as emulator, httpx.Client(base_url=str(emulator.http_endpoint)) as client:
        assert 404 == client.get(PATH).status_code
