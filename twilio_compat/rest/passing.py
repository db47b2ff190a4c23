"""What is passed on to Twilio untouched, while a rollout runs: all that Twilio alone has the authority over.

A request is *about* something, which its operation says (`about`). What is about a conversation passes while that is off
and never was live; what lists conversations passes until ACS has the authority over any; what is about the account,
its users, roles, services and settings passes always, since those are Twilio's until the rollout is over. Everything
else is translated, and the rollout's backend finds the side.

Some of what passes ACS has to know as well (`Passed.then`): users are mirrored, and webhooks are configured there, too, so
that those of conversations on ACS are called. The webhooks of one conversation are no part of what is mirrored, so they
pass for as long as Twilio has had the authority over it, and are kept for ACS under the sids that Twilio gives them.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

from twilio_compat.account import SYSTEM, account_actor
from twilio_compat.errors import NotFoundError, TwilioCompatError
from twilio_compat.records import JSONObject
from twilio_compat.rest.http import Pairs
from twilio_compat.rest.lookup import is_sid
from twilio_compat.rest.operations import Operation
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.office import Office
from twilio_compat.rollout.outbox import Entry
from twilio_compat.rollout.staging.pin import Pin
from twilio_compat.rollout.staging.stages import Side, Stage
from twilio_compat.rollout.staging.target import DRAWN, Target
from twilio_compat.webhooks.configuration import scoped_kind

_log = logging.getLogger(__name__)

Then: TypeAlias = Callable[[int, str], Awaitable[None]]
"""What to do with the status and the text that Twilio answers."""


class About(Enum):
    """What an operation is about."""

    CONVERSATION = auto()
    """One conversation, which its path names."""
    NEW = auto()
    """A conversation that is to be made."""
    CONVERSATIONS = auto()
    """Whichever conversations there are, or files, which either side may have."""
    USER = auto()
    """A user, of whom ACS is told."""
    WEBHOOKS = auto()
    """How webhooks are configured, which counts on ACS as well."""
    OWN_WEBHOOKS = auto()
    """The webhooks of one conversation."""
    ACCOUNT = auto()
    """What Twilio alone has."""


_BY_RESOURCE: Final[Mapping[str, About]] = {
    "conversations": About.CONVERSATION,
    "messages": About.CONVERSATION,
    "receipts": About.CONVERSATION,
    "participants": About.CONVERSATION,
    "webhooks": About.OWN_WEBHOOKS,
    "user_conversations": About.CONVERSATION,
    "conversation_with_participants": About.NEW,
    "participant_conversations": About.CONVERSATIONS,
    "media": About.CONVERSATIONS,
    "users": About.USER,
    "configuration.webhooks": About.WEBHOOKS,
    "services.configuration.webhooks": About.WEBHOOKS,
}
_BY_KEY: Final[Mapping[str, About]] = {
    "conversations.create": About.NEW,
    "conversations.list": About.CONVERSATIONS,
    "user_conversations.list": About.CONVERSATIONS,
    "users.list": About.ACCOUNT,
    "users.fetch": About.ACCOUNT,
    "users.create": About.ACCOUNT,
    "media.create": About.ACCOUNT,
    "configuration.webhooks.fetch": About.ACCOUNT,
    "services.configuration.webhooks.fetch": About.ACCOUNT,
}


def about(operation: Operation) -> About:
    """Return what an operation is about."""
    return _BY_KEY.get(operation.key) or _BY_RESOURCE.get(operation.resource, About.ACCOUNT)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked: an operation, the names in its path, its parameters, and the service if it names one."""

    operation: Operation
    names: Mapping[str, str]
    parameters: Pairs
    service_sid: str | None


@dataclass(frozen=True, slots=True)
class Passed:
    """It passes. ``then`` is to be called with the answer, where ACS has to know of it.

    ``lasts``: so does, for a moment, whatever else is asked of the conversation that the path names by its sid.
    """

    then: Then | None = None
    lasts: bool = False


class Passing:
    """Decides what passes."""

    def __init__(self, root: RolloutBackend) -> None:
        """Go by the rollout of *root*, that of the default service."""
        self._root = root

    async def decide(self, asked: Asked, configure: Then) -> Passed | None:
        """Say whether a request passes; None: it does not. *configure* does on ACS, too, what configures webhooks.

        Raises what the store raises where nobody can say.
        """
        office, kind = await self._office(asked.service_sid), about(asked.operation)
        match kind:
            case About.ACCOUNT:
                return Passed()
            case About.WEBHOOKS:
                return Passed(configure)
            case About.NEW:
                return await self._new(office or self._root.office, asked)
            case _ if office is None:
                return Passed(lasts=kind is About.CONVERSATION and is_sid(_conversation(asked), "CH"))
            case About.USER:
                return Passed(_telling(office, asked.names["Sid"]))
            case About.CONVERSATIONS:
                return None if await office.ever_live() else Passed()
            case About.OWN_WEBHOOKS:
                return await _own_webhooks(office, asked)
            case About.CONVERSATION:
                name = _conversation(asked)
                return Passed(lasts=is_sid(name, "CH")) if await _is_twilios(office, name) else None

    async def _office(self, service_sid: str | None) -> Office | None:
        """Return the office of a service; None where ACS has no such service, so that Twilio has everything of it."""
        if service_sid in (None, self._root.service_sid):
            return self._root.office
        try:
            await self._root.office.sides.acs.of(service_sid)
        except NotFoundError:
            return None
        return (await self._root.of(service_sid)).office

    async def _new(self, office: Office, asked: Asked) -> Passed | None:
        """Ask the flag, once: who makes the conversation here goes by the same target (`DRAWN`)."""
        name = dict(asked.parameters).get("UniqueName") or None
        service = asked.service_sid or office.service_sid
        target = Target.new(service=service, unique_name=name, creator=SYSTEM)
        if await office.pins.new(target) is not Stage.OFF:
            DRAWN.set(target)
            return None
        return None if name and await office.live_sid_of(name) is not None else Passed()


def _conversation(asked: Asked) -> str:
    """Return how the path names the conversation that it is about."""
    return asked.names.get("ConversationSid") or asked.names["Sid"]


async def _is_twilios(office: Office, name: str) -> bool:
    """Say whether a conversation, by sid or unique name, is off and never was live."""
    pin = await _pin(office, name)
    return pin is None or (pin.stage is Stage.OFF and not pin.was_live)


async def _pin(office: Office, name: str) -> Pin | None:
    """Return the pin of a conversation, by sid or unique name; None where it cannot have one."""
    sid = name if is_sid(name, "CH") else await _sid_of(office, name)
    return None if sid is None else await office.pins.of(await office.target(sid))


async def _sid_of(office: Office, unique_name: str) -> str | None:
    """Return which conversation has a unique name; None: none, or one of Twilio's, which then has all of them.

    Once any has a pin, Twilio must be asked: its mirror learns late of a name that was just given, and a message that
    passed meanwhile would never be mirrored.
    """
    if not await office.ever_pinned():
        return None
    if (sid := await office.live_sid_of(unique_name)) is not None:
        return sid
    try:
        return await office.sides.twilio.conversations.sid_of(account_actor(office.service_sid), unique_name)
    except NotFoundError:
        return None


async def _own_webhooks(office: Office, asked: Asked) -> Passed | None:
    name = _conversation(asked)
    pin = await _pin(office, name)
    if pin is not None and (pin.was_live or pin.decision.authority is Side.ACS):
        return None
    return Passed(None if asked.operation.method == "GET" else _keeping(office, name, asked.names.get("Sid")))


def _keeping(office: Office, name: str, gone: str | None) -> Then:
    """Return what keeps a conversation's webhook for ACS as Twilio shows it, or forgets *gone*, of which it shows nothing."""

    async def keep(status: int, text: str) -> None:
        documents, account = office.sides.acs.documents, account_actor(office.service_sid)
        if status // 100 != 2:
            return
        if text:
            shown = json.loads(text)
            if shown["target"] == "studio":
                _log.warning("The flow of the webhook %s will not run on ACS", shown["sid"])
            else:
                kind = scoped_kind(shown["conversation_sid"])
                await documents.put(kind, shown["sid"], _kept(shown["target"], shown["configuration"]))
        elif gone is not None:
            conversations = office.sides.twilio.conversations
            sid = name if is_sid(name, "CH") else await conversations.sid_of(account, name)
            await documents.delete(scoped_kind(sid), gone)

    return keep


def _kept(target: str, configuration: JSONObject) -> JSONObject:
    """Return what is kept of a webhook of a conversation (`twilio_compat.webhooks.configuration.from_scoped`)."""
    return {
        "target": target,
        "url": configuration.get("url"),
        "method": configuration.get("method") or "POST",
        "filters": configuration.get("filters") or [],
        "triggers": configuration.get("triggers") or [],
        "flow_sid": configuration.get("flow_sid"),
        "replay_after": configuration.get("replay_after"),
    }


def _telling(office: Office, name: str) -> Then:
    """Return what has ACS told of a user whom a request about *name*, their identity or sid, has changed."""

    async def tell(status: int, text: str) -> None:
        if status // 100 == 2 and (identity := await _identity(office, name, text)) is not None:
            await office.outbox.add(Side.ACS, Entry(what="user", sid=identity))

    return tell


async def _identity(office: Office, name: str, text: str) -> str | None:
    if text:
        return str(json.loads(text)["identity"])
    if not is_sid(name, "US"):
        return name
    try:
        return (await office.sides.acs.users.by_sid(account_actor(office.service_sid), name)).identity
    except NotFoundError:
        return None


async def tell(then: Then, status: int, text: str) -> None:
    """Have ACS know of what Twilio answered; that it cannot, or that the answer is odd, is logged: Twilio has done it."""
    try:
        await then(status, text)
    except TwilioCompatError as error:
        _log.warning("ACS could not be told of what was changed at Twilio: %s", error)
    except (ValueError, LookupError, TypeError, AttributeError):
        _log.exception(
            "ACS could not be told of what was changed at Twilio: its answer is not what it should be"
        )
