"""How values look in an answer: as Twilio writes them, so that helper libraries read them back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import overload

from twilio_compat.records import JSONValue


@overload
def iso(moment: datetime) -> str: ...
@overload
def iso(moment: datetime | None) -> str | None: ...
def iso(moment: datetime | None) -> str | None:
    """Write a time as ``2015-12-16T22:18:37Z``: a fraction of a second would be left a text by twilio-python."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def attributes_text(value: JSONValue) -> str:
    """Write attributes as the text that ``json.dumps`` makes of them, which is what Python applications post."""
    return json.dumps(value)
