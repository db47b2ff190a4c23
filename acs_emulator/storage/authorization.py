"""Who may do what: a shared key may do everything, a signature what is written in it, nobody else anything."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime

from starlette.requests import Request

from acs_emulator.storage import sas
from acs_emulator.storage.errors import StorageError
from acs_emulator.storage.shared_key import parse_query, sign, string_to_sign

ALL_PERMISSIONS = frozenset("rwcdlat")
_ALLOWED_SKEW = timedelta(minutes=15)


def authorize(request: Request, target: sas.Target, *, key: bytes, now: datetime) -> frozenset[str]:
    """Return the permissions the caller has; raises `StorageError` where they do not suffice."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        _check_shared_key(request, authorization, target.account, key, now)
        return ALL_PERMISSIONS
    query = dict(request_query(request))
    if "sig" not in query:
        raise StorageError("NoAuthenticationInformation")
    sas.verify(query, target, key=key, now=now)
    return frozenset(query.get("sp", ""))


def request_query(request: Request) -> list[tuple[str, str]]:
    """Return the decoded query of *request*."""
    return parse_query(request.scope["query_string"].decode("latin-1"))


def _check_shared_key(request: Request, authorization: str, account: str, key: bytes, now: datetime) -> None:
    scheme, _, credential = authorization.partition(" ")
    if scheme != "SharedKey":
        raise StorageError("InvalidAuthenticationInfo")
    name, _, signature = credential.partition(":")
    if name != account:
        raise StorageError("AuthenticationFailed", f"The account is {account}, not {name}.")
    _check_date(request.headers, now)
    text = string_to_sign(
        method=request.method,
        raw_path=request.scope["raw_path"].decode("latin-1"),
        query=request_query(request),
        headers=[(_text(name), _text(value)) for name, value in request.headers.raw],
        account=account,
    )
    if not hmac.compare_digest(sign(key, text).encode(), signature.strip().encode()):
        detail = f"The MAC signature found in the request is not the computed one. Server used this string to sign: {text!r}."
        raise StorageError("AuthenticationFailed", detail)


def _check_date(headers: Mapping[str, str], now: datetime) -> None:
    value = headers.get("x-ms-date") or headers.get("date", "")
    try:
        sent = parsedate_to_datetime(value)
        skew = abs(now - sent)
    except (ValueError, TypeError, OverflowError):
        raise StorageError("AuthenticationFailed", f"x-ms-date is not a date in GMT: {value!r}.") from None
    if skew > _ALLOWED_SKEW:
        raise StorageError("AuthenticationFailed", f"Request date header too old or too new: {value}.")


def _text(raw: bytes) -> str:
    """Decode a header as the client meant it: UTF-8 from aiohttp, Latin-1 from requests."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
