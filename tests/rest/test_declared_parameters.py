"""Every parameter that Twilio declares is taken, every required one is required, and no other is taken."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import count

import pytest

from acs_emulator import Emulator
from tests.rest.api import URL, Api, furnished, path_of, serving
from tests.rest.surface import TheirOperation, operations
from twilio_compat.rest.operation_table import OPERATIONS
from twilio_compat.rest.operations import Parameter

BY_PLACE = {(each.method, template): each for each in OPERATIONS.values() for template in each.templates()}
HEADER = "X-Twilio-Webhook-Enabled"
THEIRS = [pytest.param(each, id=each.name) for each in operations().values()]
_numbers = count()

SAMPLES: Mapping[str, str] = {
    "Attributes": '{"a": [1, "ü", null]}',
    "AutoCreation.StudioRetryCount": "1",
    "AutoCreation.Type": "default",
    "AutoCreation.WebhookFilters": "onMessageAdded",
    "AutoCreation.WebhookMethod": "post",
    "AutoCreation.WebhookUrl": URL,
    "BindingType": "fcm",
    "Configuration.Filters": "onMessageAdded",
    "Configuration.Method": "post",
    "Configuration.ReplayAfter": "0",
    "Configuration.Triggers": "hello",
    "Configuration.Url": URL,
    "ContentVariables": '{"1": "a"}',
    "DateCreated": "2020-05-17T12:00:00Z",
    "DateUpdated": "2020-05-18T12:00:00Z",
    "DefaultClosedTimer": "P7D",
    "DefaultInactiveTimer": "PT1H",
    "EndDate": "2030-01-01T23:59:59Z",
    "Filters": "onMessageAdded",
    "LastReadMessageIndex": "0",
    "LastReadTimestamp": "2030-01-01T00:00:00Z",
    "Method": "POST",
    "NotificationLevel": "muted",
    "Order": "desc",
    "Page": "0",
    "PageSize": "2",
    "Participant": json.dumps({"identity": "eve"}),
    "Permission": "sendMessage",
    "PostWebhookUrl": URL,
    "PreWebhookUrl": URL,
    "Sandbox": "true",
    "StartDate": "2020-01-01T00:00:00Z",
    "State": "active",
    "Timers.Closed": "P3D",
    "Timers.Inactive": "PT1H",
}  # fmt: skip

BESIDE = {"ContentVariables": {"ContentSid"}}
"""What must be given along with a parameter, so that it can be taken."""

APART = {"Address": {"Identity"}, "Configuration.Triggers": {"Configuration.Filters"}}
"""What must not be."""

REFUSED: Mapping[str, int] = {
    **dict.fromkeys(("Bindings.Email.Address", "Bindings.Email.Name", "DefaultChatServiceSid"), 20422),
    **dict.fromkeys((f"MessagingBinding.{each}" for each in ("ProxyAddress", "ProjectedAddress")), 50420),
    "MessagingBinding.Address": 50211,
}
"""Parameters that are known and refused, with the code, because nothing here could act on them."""

NOT_THERE: Mapping[str, int] = {
    "CreateConfigurationAddress": 20422,
    **dict.fromkeys(("UpdateConfigurationAddress", "FetchConfigurationAddress"), 20404),
}
"""Operations that are refused altogether."""


def needed(theirs: TheirOperation) -> set[str]:
    """Return what must be given in any case, also where Twilio does not say so in its description."""
    more = {
        "CreateConversationMessage": {"Body"},
        "CreateConversationParticipant": {"Identity"},
        "CreateConversationScopedWebhook": {"Configuration.Url", "Configuration.Filters"},
        "ListParticipantConversation": {"Identity"},
    }
    return {*theirs.required, *more.get(theirs.default, ())}


def sample(api: Api, theirs: TheirOperation, name: str, things: Mapping[str, str]) -> str:
    """Return a value that can be taken."""
    number = next(_numbers)
    match theirs.default, name.rpartition(".")[2]:
        case ("CreateRole", "Type"):
            return "conversation"
        case (_, "Type") if name == "Type":
            return "sms" if "Address" in theirs.name else "fcm"
        case ("UpdateConfigurationWebhook", "Target"):
            return "flex"
        case (_, "Target"):
            return "webhook"
        case ("CreateUser" | "UpdateUser", "RoleSid") | (_, "DefaultChatServiceRoleSid"):
            return things["service roles"]
        case (_, "RoleSid" | "DefaultConversationRoleSid" | "DefaultConversationCreatorRoleSid"):
            return things["Roles"]
        case ("UpdateConversationParticipant", "Identity"):
            return things["Participants"]
        case (_, "UniqueName" | "Identity" | "Address"):
            return f"+1555999{number:04}"
        case (_, "MediaSid"):
            return api.uploaded()
        case (_, "ContentSid"):
            return api.template()
        case (_, "MessagingServiceSid" | "DefaultMessagingServiceSid"):
            return f"MG{number:032}"
        case (_, "FlowSid" | "StudioFlowSid"):
            return f"FW{number:032}"
        case (_, "Enabled" | "LogEnabled" | "BadgeCountEnabled" | "ReachabilityEnabled"):
            return "true"
    return SAMPLES.get(name) or f"sample {number}"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with Emulator() as emulator, serving(emulator, tmp_path_factory.mktemp("store")) as serves:
        yield serves


@pytest.fixture(scope="module")
def things(api: Api) -> dict[str, str]:
    return furnished(api)


def test_the_table_has_the_operations_that_twilio_has_and_their_parameters() -> None:
    theirs = {(each.method, each.path): each.parameters for each in operations().values()}
    header, paging = {HEADER}, {"PageSize", "Page", "PageToken"}
    ours = {
        place: {
            *each.parameters,
            *(header if each.tells_webhooks else ()),
            *(paging if each.envelope else ()),
        }
        for place, each in BY_PLACE.items()
    }
    assert 103 == len(theirs)
    assert theirs == ours


@pytest.mark.parametrize("theirs", THEIRS)
def test_every_declared_parameter_is_taken(api: Api, theirs: TheirOperation) -> None:
    things = _things(api, theirs)
    names = sorted(theirs.parameters - {"PageToken"})
    whole = NOT_THERE.get(theirs.default, BY_PLACE[theirs.method, theirs.path].status)
    refused = REFUSED | (
        {"MessagingBinding.ProxyAddress": 50211}
        if theirs.method == "POST" and "Identity" in needed(theirs)
        else {}
    )
    expected = {name: refused.get(name, whole) for name in names}
    assert expected == {name: _taken(api, theirs, name, things) for name in names}


def _taken(api: Api, theirs: TheirOperation, name: str, things: Mapping[str, str]) -> int:
    """Give one parameter, and what must be given; return the status, or the code of a refusal."""
    if theirs.default == "CreateConversationScopedWebhook":  # a conversation has only so many
        things = {**things, "Conversations": api.made("/Conversations")["sid"]}
    beside = needed(theirs) - APART.get(name, set()) | BESIDE.get(name, set())
    pairs = {each: sample(api, theirs, each, things) for each in sorted(beside)}
    headers = {}
    if name == HEADER:
        headers[name.lower()] = "true"
    else:
        pairs[name] = sample(api, theirs, name, things)
    if name == "Configuration.Triggers" and "Target" in pairs:
        pairs["Target"] = "trigger"
    answer = api.ask(theirs.method, path_of(theirs.path, things), list(pairs.items()), headers)
    return answer.code or answer.status


def _things(api: Api, theirs: TheirOperation) -> dict[str, str]:
    more = (
        {"Services": api.made("/Services", FriendlyName="Second")["sid"]}
        if "Service" in theirs.default
        else {}
    )
    return furnished(api) | more


@pytest.mark.parametrize("theirs", [each for each in THEIRS if operations()[each.id].required])
def test_every_required_parameter_is_required(
    api: Api, things: dict[str, str], theirs: TheirOperation
) -> None:
    for name in sorted(theirs.required):
        pairs = [(each, sample(api, theirs, each, things)) for each in sorted(needed(theirs) - {name})]
        answer = api.ask(theirs.method, path_of(theirs.path, things), pairs)
        assert (400, _parameter(theirs, name).missing) == (answer.status, answer.code)
        answer = api.ask(theirs.method, path_of(theirs.path, things), [*pairs, (name, "")])
        assert 400 == answer.status


@pytest.mark.parametrize("theirs", THEIRS)
def test_a_parameter_that_is_not_declared_is_refused(
    api: Api, things: dict[str, str], theirs: TheirOperation
) -> None:
    pairs = [(each, sample(api, theirs, each, things)) for each in sorted(needed(theirs))]
    answer = api.ask(theirs.method, path_of(theirs.path, things), [*pairs, ("Nonsense", "1")])
    assert (400, 20001) == (answer.status, answer.code)
    assert "Nonsense" in answer.body["message"]


def _parameter(theirs: TheirOperation, name: str) -> Parameter:
    return BY_PLACE[theirs.method, theirs.path].parameters[name]
