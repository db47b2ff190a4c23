"""The request that calls a webhook. Pure: from what is to be told to a method, a url, headers and a form.

It looks as Twilio's does: a form that is posted, or the same in the query of a GET, signed, with a token that is the
same however often the call is repeated. ``RetryCount`` says how often it was before.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode, urlsplit

import httpx

from twilio_compat.webhooks import signature

USER_AGENT: Final = "TwilioProxy/1.1"
IDEMPOTENCY_HEADER: Final = "I-Twilio-Idempotency-Token"
FORM: Final = "application/x-www-form-urlencoded; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCall:
    """A call to be made: to whom, what of, and a *key* that no other call has."""

    url: str
    method: str
    key: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Whose calls these are: the account, and the token that signs them."""

    auth_token: str = field(repr=False)
    account_sid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request. ``credentials`` are a user name and a password that the url had."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    credentials: tuple[str, str] | None


def request(call: WebhookCall, signer: Signer, *, retries: int) -> Request:
    """Return the request that makes *call*, which was tried *retries* times before. `ValueError` for what is no url."""
    own = {"AccountSid": signer.account_sid, "RetryCount": str(retries)}
    parameters = dict(call.parameters) | own
    given = _parsed(call.url)
    headers = {
        IDEMPOTENCY_HEADER: str(uuid.uuid5(uuid.NAMESPACE_URL, call.key)),
        "User-Agent": USER_AGENT,
        "Accept": "*/*",
    }
    credentials = (given.username, given.password) if given.userinfo else None
    if call.method.upper() == "GET":
        url = _with_query(_visible(given), parameters)
        headers[signature.HEADER] = signature.signature(signer.auth_token, url, {})
        return Request(method="GET", url=url, headers=headers, body=None, credentials=credentials)
    url = _visible(given)
    headers[signature.HEADER] = signature.signature(signer.auth_token, url, parameters)
    headers["Content-Type"] = FORM
    body = urlencode(parameters).encode()
    return Request(method="POST", url=url, headers=headers, body=body, credentials=credentials)


def _parsed(url: str) -> httpx.URL:
    try:
        urlsplit(url)  # which knows of brackets that match nothing
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError) as error:
        raise ValueError(f"The url of the webhook is none: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError("A webhook's url must be absolute, and begin with http:// or https://")
    return parsed


def _visible(url: httpx.URL) -> str:
    """Return *url* as it travels, which is how its receiver sees it; a question mark with nothing after it is none."""
    seen = url.copy_with(username=None, password=None, raw_path=url.raw_path, fragment=None)
    return str(seen).removesuffix("?")


def _with_query(url: str, parameters: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(parameters)}"
