"""What Apple and Google would know the account by: ``/Credentials``. Kept, since ACS pushes nothing.

The secrets of a credential (``Certificate``, ``PrivateKey``, ``ApiKey``, ``Secret``) are never returned at Twilio, so
all they are good for is to push. As nobody does that here, they are not kept.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from twilio_compat.account import Document
from twilio_compat.errors import NotFoundError
from twilio_compat.records import JSONObject
from twilio_compat.rest import paging
from twilio_compat.rest.call import Call, Handler, Page
from twilio_compat.rest.rendering import iso

KIND: Final = "credentials"


async def list_(call: Call) -> Page:
    """Return all of them, in the order in which they were made."""
    found = await call.backend.documents.list(KIND)
    return paging.of_list(
        call,
        found,
        lambda each: _render(call, each),
        lambda each: paging.age_key(each.date_created, each.name),
    )


async def create(call: Call) -> JSONObject:
    """Make one."""
    sid = f"CR{uuid.uuid4().hex}"
    return _render(call, await call.backend.documents.put(KIND, sid, changed(_new(), call)))


async def fetch(call: Call) -> JSONObject:
    """Return one. `NotFoundError`."""
    document = await call.backend.documents.get(KIND, call.path["Sid"])
    if document is None:
        raise _not_found(call)
    return _render(call, document)


async def update(call: Call) -> JSONObject:
    """Change what was given of one. `NotFoundError`."""

    def change(content: JSONObject | None) -> JSONObject:
        if content is None:
            raise _not_found(call)
        return changed(content, call)

    return _render(call, await call.backend.documents.change(KIND, call.path["Sid"], change))


async def delete(call: Call) -> None:
    """Forget one. `NotFoundError`."""
    if not await call.backend.documents.delete(KIND, call.path["Sid"]):
        raise _not_found(call)


def changed(content: JSONObject, call: Call) -> JSONObject:
    """Return what is kept with what the call gives, its secrets aside. ``sandbox`` is a text, as at Twilio."""
    given: dict[str, str | None] = {
        "friendly_name": call.get("FriendlyName", str),
        "type": call.get("Type", str),
        "sandbox": None if (sandbox := call.get("Sandbox", bool)) is None else str(sandbox),
    }
    return content | {name: value for name, value in given.items() if value is not None}


def _new() -> JSONObject:
    return {"friendly_name": None, "type": None, "sandbox": "False"}


def _render(call: Call, document: Document) -> JSONObject:
    return document.content | {
        "sid": document.name,
        "account_sid": call.account_sid,
        "date_created": iso(document.date_created),
        "date_updated": iso(document.date_updated),
        "url": call.url("Credentials", document.name),
    }


def _not_found(call: Call) -> NotFoundError:
    return NotFoundError(f"Credential {call.path['Sid']} not found")


HANDLERS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "credentials.list": list_,
        "credentials.create": create,
        "credentials.fetch": fetch,
        "credentials.update": update,
        "credentials.delete": delete,
    }
)
