"""The operation table has what Twilio's own description has, and nothing else."""

from __future__ import annotations

from tests.rest.surface import operations
from twilio_compat.rest.handlers import HANDLERS
from twilio_compat.rest.operation_table import MEDIA_OPERATIONS, OPERATIONS
from twilio_compat.rest.operations import SERVICE_PATH, Kind, Operation
from twilio_compat.rest.routes import Routes

PAGING = frozenset({"Page", "PageSize", "PageToken"})


def name_at(operation: Operation, template: str) -> str:
    scoped = "Service" if template.startswith(SERVICE_PATH) else ""
    return f"{operation.verb.capitalize()}{scoped}{operation.noun}"


def parameters_of(operation: Operation) -> frozenset[str]:
    header = {"X-Twilio-Webhook-Enabled"} if operation.tells_webhooks else set()
    return frozenset(operation.parameters) | (PAGING if operation.envelope else frozenset()) | header


def test_every_operation_of_twilios_is_there_under_its_name_and_none_besides() -> None:
    declared = {
        name_at(each, template): (each.method, template)
        for each in OPERATIONS.values()
        for template in each.templates()
    }
    assert {name: (each.method, each.path) for name, each in operations().items()} == declared
    assert 103 == len(declared)


def test_each_takes_the_parameters_that_twilios_takes() -> None:
    declared = {
        name_at(each, template): parameters_of(each)
        for each in OPERATIONS.values()
        for template in each.templates()
    }
    assert {name: each.parameters for name, each in operations().items()} == declared


def test_each_needs_the_parameters_that_twilios_needs() -> None:
    declared = {
        name_at(each, template): {every.name for every in each.parameters.values() if every.required}
        for each in OPERATIONS.values()
        for template in each.templates()
    }
    assert {name: set(each.required) for name, each in operations().items()} == declared


def test_every_operation_has_a_handler_and_every_handler_an_operation() -> None:
    assert {*OPERATIONS, *MEDIA_OPERATIONS} == set(HANDLERS)


def test_what_is_made_is_answered_with_201_and_what_is_deleted_with_204() -> None:
    statuses = {(each.verb, each.status) for each in OPERATIONS.values()}
    assert {("create", 201), ("delete", 204), ("fetch", 200), ("list", 200), ("update", 200)} == statuses


def test_choices_and_prefixes_are_where_their_kinds_need_them() -> None:
    for operation in OPERATIONS.values():
        for each in operation.parameters.values():
            assert (each.kind is Kind.CHOICE) == bool(each.choices), each
            assert (each.kind is Kind.SID) == bool(each.prefix), each


def test_a_path_leads_to_its_operation_and_names_what_is_in_it() -> None:
    match = Routes(OPERATIONS.values()).match("/Services/IS1/Conversations/a%20b%2Fc/Messages/IM2")
    assert {"GET", "POST", "DELETE"} == set(match.routes)
    route = match.routes["POST"]
    assert ("messages.update", True) == (route.operation.key, route.is_scoped)
    named = {"ChatServiceSid": "IS1", "ConversationSid": "a b/c", "Sid": "IM2"}
    assert named == match.named(route)


def test_a_word_of_a_path_goes_before_a_name_in_its_place() -> None:
    routes = Routes(OPERATIONS.values())
    assert (
        "configuration.webhooks.fetch" == routes.match("/Configuration/Webhooks").routes["GET"].operation.key
    )
    assert (
        "services.configuration.fetch"
        == routes.match("/Services/IS1/Configuration").routes["GET"].operation.key
    )


def test_nothing_is_found_where_there_is_nothing() -> None:
    routes = Routes(OPERATIONS.values())
    for path in (
        "",
        "/",
        "/Conversations/",
        "//Conversations",
        "/Nothing",
        "/Conversations/CH1/Messages/IM1/More",
    ):
        assert {} == routes.match(path).routes, path
