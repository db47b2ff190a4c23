"""Webhooks: those of a conversation, and those of a service or of the account."""

from __future__ import annotations

import re

from tests.rest.contract.stage import Stage, of_the_account, scenario

URL = "https://app.example.com/hook"


@scenario
def a_webhook_of_a_conversation(stage: Stage) -> None:
    made = stage.api.conversations.create()
    room = stage.api.conversations(made.sid)
    hook = stage.note(
        "made",
        room.webhooks.create(
            target="webhook",
            configuration_url=URL,
            configuration_method="POST",
            configuration_filters=["onMessageAdded", "onMessageRemoved"],
        ),
    )
    assert re.fullmatch("WH[0-9a-f]{32}", hook.sid)
    assert ("webhook", URL) == (hook.target, hook.configuration["url"])
    assert {"onMessageAdded", "onMessageRemoved"} == set(hook.configuration["filters"])
    assert hook.sid == stage.note("fetched", room.webhooks(hook.sid).fetch()).sid
    changed = stage.note("changed", room.webhooks(hook.sid).update(configuration_url=f"{URL}/2"))
    assert f"{URL}/2" == changed.configuration["url"]
    assert [hook.sid] == [each.sid for each in room.webhooks.list()]
    assert stage.note("deleted", room.webhooks(hook.sid).delete()) is True
    path = f"/Conversations/{made.sid}/Webhooks/{hook.sid}"
    stage.not_found("fetched once gone", path, room.webhooks(hook.sid).fetch)
    stage.not_found("changed once gone", path, room.webhooks(hook.sid).update)
    stage.not_found("deleted twice", path, room.webhooks(hook.sid).delete)


@scenario
def filters_as_a_plain_string(stage: Stage) -> None:
    room = stage.api.conversations(stage.api.conversations.create().sid)
    hook = room.webhooks.create(
        target="webhook", configuration_url=URL, configuration_filters="onMessageAdded"
    )
    assert ["onMessageAdded"] == stage.note("made", hook).configuration["filters"]


@scenario
def a_conversation_has_five_webhooks_at_most(stage: Stage) -> None:
    room = stage.api.conversations(stage.api.conversations.create().sid)
    for number in range(5):
        room.webhooks.create(
            target="webhook", configuration_url=f"{URL}/{number}", configuration_filters=["onMessageAdded"]
        )
    refusal = stage.refused(
        "a sixth",
        room.webhooks.create,
        target="webhook",
        configuration_url=URL,
        configuration_filters=["onMessageAdded"],
    )
    assert (400, 50361) == (refusal.status, refusal.code)
    assert 5 == len(room.webhooks.list(limit=20))


@scenario
def webhooks_that_cannot_be(stage: Stage) -> None:
    room = stage.api.conversations(stage.api.conversations.create().sid)
    refusal = stage.refused("no url", room.webhooks.create, target="webhook")
    assert 400 == refusal.status
    refusal = stage.refused(
        *("an event there is not", room.webhooks.create),
        target="webhook",
        configuration_url=URL,
        configuration_filters=["onSunrise"],
    )
    assert 400 == refusal.status
    refusal = stage.refused(
        "a target there is not", room.webhooks.create, target="moon", configuration_url=URL
    )
    assert 400 == refusal.status
    assert [] == room.webhooks.list()


@scenario
def the_webhooks_of_a_service(stage: Stage) -> None:
    hooks = stage.v1.services(stage.service_sid).configuration.webhooks()
    plain = stage.note("at first", hooks.fetch())
    assert (None, None, "POST") == (plain.pre_webhook_url, plain.post_webhook_url, plain.method)
    assert not plain.filters
    changed = stage.note(
        "changed",
        hooks.update(
            pre_webhook_url=f"{URL}/pre",
            post_webhook_url=f"{URL}/post",
            filters=["onMessageAdded"],
            method="POST",
        ),
    )
    assert (f"{URL}/pre", f"{URL}/post", ["onMessageAdded"]) == (
        *(changed.pre_webhook_url, changed.post_webhook_url, changed.filters),
    )
    assert f"{URL}/post" == hooks.fetch().post_webhook_url


@of_the_account
def the_webhooks_of_the_account(stage: Stage) -> None:
    hooks = stage.v1.configuration.webhooks()
    plain = stage.note("at first", hooks.fetch())
    assert (None, None, "POST", "webhook") == (
        *(plain.pre_webhook_url, plain.post_webhook_url, plain.method, plain.target),
    )
    changed = stage.note(
        "changed", hooks.update(post_webhook_url=URL, filters=["onConversationAdded"], method="GET")
    )
    assert (URL, ["onConversationAdded"], "GET") == (
        *(changed.post_webhook_url, changed.filters, changed.method),
    )
    assert URL == hooks.fetch().post_webhook_url
