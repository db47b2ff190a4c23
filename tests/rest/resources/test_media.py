"""Files, as Twilio's media service takes and gives them."""

import io
import json
import re
from typing import Any

import httpx
import pytest

from twilio_compat.rest import Client

UNKNOWN = "ME" + "0" * 32


class MediaService:
    """The media service of the default service, asked through the REST client."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.service_sid = client.conversations.v1.configuration().fetch().default_chat_service_sid
        self.path = f"/v1/Services/{self.service_sid}/Media"

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """Return an answer, whatever it is. *path* is as answers have it."""
        return self._client.request(method, f"https://mcs.us1.twilio.com{path}", **more)

    def upload(self, content: Any, content_type: str = "text/plain", query: str = "", **headers: str) -> Any:
        """Upload, and return the answer."""
        return self.ask(
            "POST", self.path + query, data=content, headers={"Content-Type": content_type, **headers}
        )

    def made(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Upload, and return the record."""
        answer = self.upload(*args, **kwargs)
        assert 201 == answer.status_code, answer.text
        found: dict[str, Any] = json.loads(answer.text)
        return found

    def content(self, record: dict[str, Any]) -> httpx.Response:
        """Follow the link to the bytes."""
        answer = self.ask("GET", record["links"]["content"])
        assert 307 == answer.status_code, answer.text
        return httpx.get(answer.headers["Location"])


@pytest.fixture
def media(client: Client) -> MediaService:
    return MediaService(client)


def test_what_is_uploaded_is_described_as_twilio_does(media: MediaService) -> None:
    made = media.made(b"a file", "image/png", "?Filename=cat.png&Category=media")

    date = made.pop("date_created")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", date)
    assert re.fullmatch("ME[0-9a-f]{32}", made["sid"])
    url = f"/v1/Services/{media.service_sid}/Media/{made['sid']}"
    assert {
        "sid": made["sid"],
        "service_sid": media.service_sid,
        "date_upload_updated": date,
        "date_updated": date,
        "links": {"content": f"{url}/Content"},
        "size": 6,
        "content_type": "image/png",
        "filename": "cat.png",
        "author": "system",
        "category": "media",
        "message_sid": None,
        "channel_sid": None,
        "url": url,
        "is_multipart_upstream": False,
    } == made


def test_the_bytes_come_back_from_either_link(media: MediaService) -> None:
    content = bytes(range(256))
    made = media.made(content, "application/x-thing")

    fetched = json.loads(media.ask("GET", made["url"]).text)

    temporary = httpx.get(fetched["links"].pop("content_direct_temporary"))
    assert made == fetched
    assert [(content, "application/x-thing")] * 2 == [
        (each.content, each.headers["Content-Type"]) for each in (temporary, media.content(made))
    ]


@pytest.mark.parametrize(
    ("content", "expected"), [(b"", b""), ("text", b"text"), (io.BytesIO(b"x" * 200_000), b"x" * 200_000)]
)
def test_content_may_be_none_or_text_or_a_file(media: MediaService, content: Any, expected: bytes) -> None:
    made = media.made(content)

    assert len(expected) == made["size"]
    assert expected == media.content(made).content


def test_a_form_of_parts_is_taken_too(media: MediaService) -> None:
    form = httpx.Request("POST", "https://x", files={"Media": ("cat.png", b"\x89PNG\r\n--", "image/png")})

    made = media.made(form.read(), form.headers["Content-Type"])

    assert ("cat.png", "image/png", 8) == (made["filename"], made["content_type"], made["size"])
    assert b"\x89PNG\r\n--" == media.content(made).content


def test_a_file_says_which_message_names_it(client: Client, media: MediaService) -> None:
    made = media.made(b"a file", "image/png", "?Filename=cat.png")
    room = client.conversations.v1.conversations(client.conversations.v1.conversations.create().sid)

    message = room.messages.create(media_sid=made["sid"])

    assert [
        {
            "category": "media",
            "content_type": "image/png",
            "filename": "cat.png",
            "sid": made["sid"],
            "size": 6,
        }
    ] == message.media
    client.close()  # which message names it is noted in the background; closing waits for that
    fetched = json.loads(media.ask("GET", made["url"]).text)
    assert (message.sid, message.conversation_sid) == (fetched["message_sid"], fetched["channel_sid"])


def test_a_deleted_file_is_gone_and_its_message_goes_on_naming_it(
    client: Client, media: MediaService
) -> None:
    made = media.made(b"a file")
    room = client.conversations.v1.conversations(client.conversations.v1.conversations.create().sid)
    message = room.messages.create(media_sid=made["sid"])
    [temporary] = [json.loads(media.ask("GET", made["url"]).text)["links"]["content_direct_temporary"]]

    assert 204 == media.ask("DELETE", made["url"]).status_code

    assert 404 == httpx.get(temporary).status_code
    assert [404] * 3 == [
        media.ask(method, path).status_code
        for method, path in (("GET", made["url"]), ("GET", made["links"]["content"]), ("DELETE", made["url"]))
    ]
    assert made["sid"] == room.messages(message.sid).fetch().media[0]["sid"]


@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("GET", "/Content"), ("DELETE", "")])
def test_a_file_that_is_not_there_is_not_found(media: MediaService, method: str, tail: str) -> None:
    path = f"/Services/{media.service_sid}/Media/{UNKNOWN}{tail}"

    answer = media.ask(method, f"/v1{path}")

    assert (404, 20404, f"The requested resource {path} was not found") == (
        answer.status_code,
        json.loads(answer.text)["code"],
        json.loads(answer.text)["message"],
    )


@pytest.mark.parametrize(
    ("upload", "status", "code"),
    [
        ({"content_type": ""}, 400, 50511),
        ({"content_type": "é"}, 400, 50511),
        ({"query": "?Category=archive"}, 400, 20422),
        ({"query": f"?Filename={'x' * 257}"}, 400, 20422),
        ({"content_type": "multipart/form-data; boundary=b"}, 400, 20422),
        ({"Content-Length": str(150 * 1024 * 1024 + 1)}, 413, 50512),
    ],
)
def test_what_cannot_be_is_refused(
    media: MediaService, upload: dict[str, str], status: int, code: int
) -> None:
    answer = media.upload(io.BytesIO(b"a file"), **upload)

    assert (status, code) == (answer.status_code, json.loads(answer.text)["code"])
