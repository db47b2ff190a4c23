"""What a scenario saw, without what is different each time: sids are numbered, times and page tokens are blanked."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.base.instance_resource import InstanceResource
from twilio.base.page import Page

from tests.rest.contract.awaited import Awaited

_SID = re.compile(r"\b(AC|BS|CH|CR|DY|HX|IG|IM|IS|MB|ME|MG|RL|SK|US|WH)([0-9a-f]{32})\b")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_TOKEN = re.compile(r"PageToken=[^&\"]+")


class Transcript:
    """What happened, in order, under titles."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url
        self._sids: dict[str, str] = {}
        self.lines: list[tuple[str, Any]] = []

    def add(self, title: str, value: object) -> None:
        """Note something that twilio-python returned or raised."""
        self.lines.append((title, self._plain(value)))

    def _plain(self, value: object) -> Any:
        match value:
            case Awaited():
                return self._plain(value.resource_behind)
            case TwilioException():
                return self._plain(refusal(value))
            case InstanceResource():
                return self._plain(fields(value))
            case Page():  # to read its records would take them from the scenario
                return self._plain(value._payload["meta"])
            case datetime():
                return "a time"
            case str():
                return self._text(value)
            case Mapping():
                return {key: self._plain(each) for key, each in value.items()}
            case list() | tuple():
                return [self._plain(each) for each in value]
            case _:
                return value

    def _text(self, text: str) -> str:
        text = _TOKEN.sub("PageToken=one", _TIME.sub("a time", text.replace(self._base_url, "")))
        return _SID.sub(lambda found: self._numbered(found[0]), text)

    def _numbered(self, sid: str) -> str:
        count = sum(each.startswith(sid[:2]) for each in self._sids)
        return self._sids.setdefault(sid, f"{sid[:2]} {count + 1}")


def fields(instance: InstanceResource) -> dict[str, object]:
    """Return the fields of a resource, as twilio-python has read them."""
    return {name: value for name, value in vars(instance).items() if not name.startswith("_")}


def refusal(error: TwilioException) -> dict[str, object]:
    """Return what applications read from an error. That of a list is no `TwilioRestException`; it has the answer."""
    if isinstance(error, TwilioRestException):
        return {name: getattr(error, name) for name in ("status", "code", "msg", "uri", "method", "details")}
    message, response = error.args
    return {"status": response.status_code, "msg": message, "body": json.loads(response.text)}


def refused(call: Callable[..., object], *args: object, **kwargs: object) -> TwilioException:
    """Return the error that a call raises; a call that raises none fails the test."""
    with pytest.raises(TwilioException) as caught:
        call(*args, **kwargs)
    return caught.value
