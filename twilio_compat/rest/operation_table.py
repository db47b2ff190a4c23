"""The operations of Twilio's Conversations API v1: data alone (`twilio_compat.rest.operations` says what it means)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from twilio_compat.rest.operations import Kind, Operation, Parameter, Scope

# Parameters

_NAME: Final = 256


def _text(name: str, longest: int | None = None, too_long: int = 20422) -> Parameter:
    return Parameter(name=name, longest=longest, too_long=too_long)


def _date(name: str, code: int = 20422) -> Parameter:
    return Parameter(name=name, kind=Kind.DATE, code=code)


def _flag(name: str) -> Parameter:
    return Parameter(name=name, kind=Kind.BOOLEAN)


def _integer(name: str, code: int = 20422) -> Parameter:
    return Parameter(name=name, kind=Kind.INTEGER, code=code)


def _choice(name: str, *choices: str, code: int = 20422) -> Parameter:
    return Parameter(name=name, kind=Kind.CHOICE, choices=choices, code=code)


def _list(name: str) -> Parameter:
    return Parameter(name=name, kind=Kind.LIST)


def _sid(name: str, prefix: str, code: int) -> Parameter:
    return Parameter(name=name, kind=Kind.SID, prefix=prefix, code=code)


def _timer(name: str, code: int, shortest: int, too_short: int) -> Parameter:
    return Parameter(name=name, kind=Kind.DURATION, code=code, shortest=shortest, too_short=too_short)


def _required(parameter: Parameter, missing: int = 20001) -> Parameter:
    return replace(parameter, required=True, missing=missing)


_FRIENDLY_NAME = _text("FriendlyName", _NAME, 50003)
_SHORT_NAME = _text("FriendlyName", 64, 50003)
_ATTRIBUTES = Parameter(name="Attributes", kind=Kind.JSON, code=50304)
_DATES = (_date("DateCreated", 50308), _date("DateUpdated", 50309))
_IDENTITY = _text("Identity", _NAME, 50207)
_ROLE = _text("RoleSid")
_STATES = ("initializing", "active", "inactive", "closed")

_CONVERSATION = (
    _FRIENDLY_NAME,
    _text("UniqueName", _NAME, 50004),
    *_DATES,
    _sid("MessagingServiceSid", "MG", 50341),
    _ATTRIBUTES,
    _choice("State", *_STATES, code=50378),
    _timer("Timers.Inactive", 50379, 60, 50375),
    _timer("Timers.Closed", 50380, 600, 50376),
    _text("Bindings.Email.Address", _NAME, 50407),
    _text("Bindings.Email.Name", _NAME),
)
_NEW_MESSAGE = (
    _text("Author", _NAME, 50310),
    _text("Body"),
    *_DATES,
    _ATTRIBUTES,
    _text("Subject", _NAME),
)
_MESSAGE_SOURCES = (
    _sid("MediaSid", "ME", 50510),
    _sid("ContentSid", "HX", 50526),
    Parameter(name="ContentVariables", kind=Kind.JSON, code=50527),
)
_BINDING = (
    _text("MessagingBinding.ProxyAddress", _NAME, 50408),
    _text("MessagingBinding.ProjectedAddress", _NAME),
)
_HORIZON = (
    _text("LastReadMessageIndex"),  # or null: `twilio_compat.rest.horizon`
    Parameter(name="LastReadTimestamp", kind=Kind.DATE, code=50405),
)
_USER = (_FRIENDLY_NAME, _ATTRIBUTES, _ROLE)
_SCOPED_WEBHOOK = (
    _text("Configuration.Url"),
    _choice("Configuration.Method", "get", "post", "GET", "POST", code=50055),
    _list("Configuration.Filters"),
    _list("Configuration.Triggers"),
    _sid("Configuration.FlowSid", "FW", 50367),
)
_WEBHOOKS = (
    _choice("Method", "GET", "POST", code=50055),
    _list("Filters"),
    _text("PreWebhookUrl"),
    _text("PostWebhookUrl"),
)
_AUTO_CREATION = (
    _FRIENDLY_NAME,
    _flag("AutoCreation.Enabled"),
    _choice("AutoCreation.Type", "webhook", "studio", "default"),
    _text("AutoCreation.ConversationServiceSid"),
    _text("AutoCreation.WebhookUrl"),
    _choice("AutoCreation.WebhookMethod", "get", "post", "GET", "POST", code=50055),
    _list("AutoCreation.WebhookFilters"),
    _sid("AutoCreation.StudioFlowSid", "FW", 50367),
    _integer("AutoCreation.StudioRetryCount", 50065),
)
_CREDENTIAL = (
    _SHORT_NAME,
    _text("Certificate"),
    _text("PrivateKey"),
    _flag("Sandbox"),
    _text("ApiKey"),
    _text("Secret"),
)
_PUSH_TYPE = _choice("Type", "apn", "gcm", "fcm")
_PERMISSION = _required(_list("Permission"), 50104)
_NOTIFICATIONS = (
    _flag("LogEnabled"),
    _flag("NewMessage.Enabled"),
    _text("NewMessage.Template"),
    _text("NewMessage.Sound"),
    _flag("NewMessage.BadgeCountEnabled"),
    _flag("NewMessage.WithMedia.Enabled"),
    _text("NewMessage.WithMedia.Template"),
    _flag("AddedToConversation.Enabled"),
    _text("AddedToConversation.Template"),
    _text("AddedToConversation.Sound"),
    _flag("RemovedFromConversation.Enabled"),
    _text("RemovedFromConversation.Template"),
    _text("RemovedFromConversation.Sound"),
)

# Operations


def _named(parameters: tuple[Parameter, ...]) -> Mapping[str, Parameter]:
    return MappingProxyType({each.name: each for each in parameters})


def _fetch(resource: str, path: str, noun: str, scope: Scope = Scope.BOTH) -> Operation:
    return Operation(resource=resource, verb="fetch", method="GET", path=path, noun=noun, scope=scope)


def _listing(
    resource: str, path: str, noun: str, envelope: str, *parameters: Parameter,
    largest: int = 100, default: int = 50, scope: Scope = Scope.BOTH,
) -> Operation:  # fmt: skip
    return Operation(
        resource=resource, verb="list", method="GET", path=path, noun=noun, scope=scope,
        parameters=_named(parameters), envelope=envelope, largest_size=largest, default_size=default,
    )  # fmt: skip


def _create(
    resource: str,
    path: str,
    noun: str,
    *parameters: Parameter,
    tells: bool = False,
    scope: Scope = Scope.BOTH,
) -> Operation:
    return Operation(
        resource=resource, verb="create", method="POST", path=path, noun=noun, scope=scope, status=201,
        parameters=_named(parameters), tells_webhooks=tells,
    )  # fmt: skip


def _update(
    resource: str,
    path: str,
    noun: str,
    *parameters: Parameter,
    tells: bool = False,
    scope: Scope = Scope.BOTH,
) -> Operation:
    return Operation(
        resource=resource, verb="update", method="POST", path=path, noun=noun, scope=scope,
        parameters=_named(parameters), tells_webhooks=tells,
    )  # fmt: skip


def _delete(
    resource: str, path: str, noun: str, *, tells: bool = False, scope: Scope = Scope.BOTH
) -> Operation:
    return Operation(
        resource=resource, verb="delete", method="DELETE", path=path, noun=noun, scope=scope, status=204,
        tells_webhooks=tells,
    )  # fmt: skip


def _conversations() -> Iterator[Operation]:
    place, noun = ("conversations", "/Conversations"), "Conversation"
    one = ("conversations", "/Conversations/{Sid}")
    bounds = (Parameter(name="StartDate", kind=Kind.DAY), Parameter(name="EndDate", kind=Kind.DAY))
    state = _choice("State", *_STATES, code=50378)
    yield _listing(*place, noun, "conversations", *bounds, state)
    yield _create(*place, noun, *_CONVERSATION, tells=True)
    yield _fetch(*one, noun)
    yield _update(*one, noun, *_CONVERSATION, tells=True)
    yield _delete(*one, noun, tells=True)
    yield _create(
        "conversation_with_participants", "/ConversationWithParticipants", "ConversationWithParticipants",
        *_CONVERSATION, _list("Participant"), tells=True,
    )  # fmt: skip


def _messages() -> Iterator[Operation]:
    path, noun = "/Conversations/{ConversationSid}/Messages", "ConversationMessage"
    one = f"{path}/{{Sid}}"
    yield _listing("messages", path, noun, "messages", _choice("Order", "asc", "desc"))
    yield _create("messages", path, noun, *_NEW_MESSAGE, *_MESSAGE_SOURCES, tells=True)
    yield _fetch("messages", one, noun)
    yield _update("messages", one, noun, *_NEW_MESSAGE, tells=True)
    yield _delete("messages", one, noun, tells=True)
    receipts = "/Conversations/{ConversationSid}/Messages/{MessageSid}/Receipts"
    yield _listing("receipts", receipts, f"{noun}Receipt", "delivery_receipts", largest=50)
    yield _fetch("receipts", f"{receipts}/{{Sid}}", f"{noun}Receipt")


def _participants() -> Iterator[Operation]:
    path, noun = "/Conversations/{ConversationSid}/Participants", "ConversationParticipant"
    one = f"{path}/{{Sid}}"
    common = (*_DATES, _ATTRIBUTES, _ROLE, _IDENTITY, *_BINDING)
    address = _text("MessagingBinding.Address", _NAME, 50407)
    yield _listing("participants", path, noun, "participants")
    yield _create("participants", path, noun, *common, address, tells=True)
    yield _fetch("participants", one, noun)
    yield _update("participants", one, noun, *common, *_HORIZON, tells=True)
    yield _delete("participants", one, noun, tells=True)
    lookup = (_text("Identity"), _text("Address"))
    yield _listing(
        "participant_conversations", "/ParticipantConversations", "ParticipantConversation", "conversations",
        *lookup, largest=50,
    )  # fmt: skip


def _users() -> Iterator[Operation]:
    one = "/Users/{Sid}"
    yield _listing("users", "/Users", "User", "users", largest=50)
    yield _create("users", "/Users", "User", _required(_IDENTITY, 50204), *_USER, tells=True)
    yield _fetch("users", one, "User")
    yield _update("users", one, "User", *_USER, tells=True)
    yield _delete("users", one, "User", tells=True)
    path, noun = "/Users/{UserSid}/Conversations", "UserConversation"
    level = _choice("NotificationLevel", "default", "muted", code=50210)
    yield _listing("user_conversations", path, noun, "conversations", largest=50)
    yield _fetch("user_conversations", f"{path}/{{ConversationSid}}", noun)
    yield _update("user_conversations", f"{path}/{{ConversationSid}}", noun, level, *_HORIZON)
    yield _delete("user_conversations", f"{path}/{{ConversationSid}}", noun)


def _roles() -> Iterator[Operation]:
    role_type = _required(_choice("Type", "conversation", "service", code=50105), 50105)
    yield _listing("roles", "/Roles", "Role", "roles", largest=50)
    yield _create("roles", "/Roles", "Role", _required(_SHORT_NAME, 50000), role_type, _PERMISSION)
    yield _fetch("roles", "/Roles/{Sid}", "Role")
    yield _update("roles", "/Roles/{Sid}", "Role", _PERMISSION)
    yield _delete("roles", "/Roles/{Sid}", "Role")


def _webhooks() -> Iterator[Operation]:
    """Those of a conversation."""
    path, noun = "/Conversations/{ConversationSid}/Webhooks", "ConversationScopedWebhook"
    target = _required(_choice("Target", "webhook", "trigger", "studio", code=50364), 50368)
    replay = _integer("Configuration.ReplayAfter", 50516)
    yield _listing("webhooks", path, noun, "webhooks", largest=5, default=5)
    yield _create("webhooks", path, noun, target, *_SCOPED_WEBHOOK, replay)
    yield _fetch("webhooks", f"{path}/{{Sid}}", noun)
    yield _update("webhooks", f"{path}/{{Sid}}", noun, *_SCOPED_WEBHOOK)
    yield _delete("webhooks", f"{path}/{{Sid}}", noun)


def _account() -> Iterator[Operation]:
    """What is the account's alone."""
    scope = Scope.ACCOUNT
    yield _fetch("configuration", "/Configuration", "Configuration", scope)
    yield _update(
        "configuration", "/Configuration", "Configuration", _text("DefaultChatServiceSid"),
        _sid("DefaultMessagingServiceSid", "MG", 50341), _timer("DefaultInactiveTimer", 50379, 60, 50375),
        _timer("DefaultClosedTimer", 50380, 600, 50376), scope=scope,
    )  # fmt: skip
    webhooks = ("configuration.webhooks", "/Configuration/Webhooks", "ConfigurationWebhook")
    yield _fetch(*webhooks, scope)
    yield _update(*webhooks, *_WEBHOOKS, _choice("Target", "webhook", "flex"), scope=scope)
    yield from _addresses(scope)
    yield from _credentials(scope)


def _addresses(scope: Scope) -> Iterator[Operation]:
    place, noun = ("configuration.addresses", "/Configuration/Addresses"), "ConfigurationAddress"
    one = ("configuration.addresses", "/Configuration/Addresses/{Sid}")
    kinds = ("sms", "whatsapp", "messenger", "gbm", "email", "rcs", "apple", "chat")
    named = (_required(_choice("Type", *kinds)), _required(_text("Address", _NAME, 50407)))
    yield _listing(*place, noun, "address_configurations", _choice("Type", *kinds), largest=50, scope=scope)
    yield _create(*place, noun, *named, *_AUTO_CREATION, _text("AddressCountry"), scope=scope)
    yield _fetch(*one, noun, scope)
    yield _update(*one, noun, *_AUTO_CREATION, scope=scope)
    yield _delete(*one, noun, scope=scope)


def _credentials(scope: Scope) -> Iterator[Operation]:
    one = ("credentials", "/Credentials/{Sid}", "Credential")
    yield _listing("credentials", "/Credentials", "Credential", "credentials", scope=scope)
    yield _create(
        "credentials", "/Credentials", "Credential", _required(_PUSH_TYPE), *_CREDENTIAL, scope=scope
    )
    yield _fetch(*one, scope)
    yield _update(*one, _PUSH_TYPE, *_CREDENTIAL, scope=scope)
    yield _delete(*one, scope=scope)


def _services() -> Iterator[Operation]:
    account = Scope.ACCOUNT
    yield _listing("services", "/Services", "Service", "services", scope=account)
    yield _create("services", "/Services", "Service", _required(_FRIENDLY_NAME, 50000), scope=account)
    yield _fetch("services", "/Services/{Sid}", "Service", account)
    yield _delete("services", "/Services/{Sid}", "Service", scope=account)
    configuration = ("services.configuration", "/Configuration", "Configuration")
    roles = ("DefaultConversationCreatorRoleSid", "DefaultConversationRoleSid", "DefaultChatServiceRoleSid")
    yield _fetch(*configuration, Scope.SERVICE)
    yield _update(
        *configuration, *(_text(each) for each in roles), _flag("ReachabilityEnabled"), scope=Scope.SERVICE
    )
    yield from _service_rooms(Scope.SERVICE)


def _service_rooms(scope: Scope) -> Iterator[Operation]:
    """What there is under a service alone."""
    webhooks = ("services.configuration.webhooks", "/Configuration/Webhooks", "WebhookConfiguration")
    yield _fetch(*webhooks, scope)
    yield _update(*webhooks, *_WEBHOOKS, scope=scope)
    notifications = ("services.configuration.notifications", "/Configuration/Notifications", "Notification")
    yield _fetch(*notifications, scope)
    yield _update(*notifications, *_NOTIFICATIONS, scope=scope)
    filters = (_list("BindingType"), _list("Identity"))
    yield _listing("services.bindings", "/Bindings", "Binding", "bindings", *filters, scope=scope)
    yield _fetch("services.bindings", "/Bindings/{Sid}", "Binding", scope)
    yield _delete("services.bindings", "/Bindings/{Sid}", "Binding", scope=scope)


def _all() -> Iterator[Operation]:
    for each in (_conversations, _messages, _participants, _users, _roles, _webhooks, _account, _services):
        yield from each()


OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType({each.key: each for each in _all()})
"""All operations, by their keys."""


def _media() -> Iterator[Operation]:
    """What is asked of another host, ``mcs.us1.twilio.com``; Twilio's operation list does not have it."""
    path, service = "/Media", Scope.SERVICE
    yield _create("media", path, "Media", _text("Filename", _NAME), _text("Category"), scope=service)
    yield _fetch("media", f"{path}/{{Sid}}", "Media", service)
    yield _delete("media", f"{path}/{{Sid}}", "Media", scope=service)
    yield Operation(
        resource="media", verb="content", method="GET", path=f"{path}/{{Sid}}/Content", noun="MediaContent",
        scope=service, status=307,
    )  # fmt: skip


MEDIA_OPERATIONS: Final[Mapping[str, Operation]] = MappingProxyType({each.key: each for each in _media()})
"""Those for files, which get the request's body as it is."""
