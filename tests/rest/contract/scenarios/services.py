"""Services, what is set for one, and what is set for the account."""

from __future__ import annotations

import re

from tests.rest.contract.stage import Stage, of_the_account, scenario

UNKNOWN = "IS" + "0" * 32


@of_the_account
def a_service_from_being_made_to_its_end(stage: Stage) -> None:
    made = stage.note("made", stage.v1.services.create(friendly_name="Second"))
    assert re.fullmatch("IS[0-9a-f]{32}", made.sid)
    assert ("Second", stage.account_sid) == (made.friendly_name, made.account_sid)
    assert {"conversations", "users", "roles", "bindings", "configuration"} <= set(made.links)
    assert "Second" == stage.note("fetched", stage.v1.services(made.sid).fetch()).friendly_name
    assert made.sid in [each.sid for each in stage.v1.services.list(page_size=1)]
    inside = stage.v1.services(made.sid).conversations.create(unique_name="inside")
    assert made.sid == inside.chat_service_sid
    stage.refused("seen from another service", stage.v1.conversations("inside").fetch)
    assert stage.note("deleted", stage.v1.services(made.sid).delete()) is True
    stage.not_found("fetched once gone", f"/Services/{made.sid}", stage.v1.services(made.sid).fetch)
    stage.not_found("deleted twice", f"/Services/{made.sid}", stage.v1.services(made.sid).delete)


@of_the_account
def a_service_that_is_not_there(stage: Stage) -> None:
    for sid in (UNKNOWN, "undefined"):
        service = stage.v1.services(sid)
        stage.not_found(f"{sid} fetched", f"/Services/{sid}", service.fetch)
        refusal = stage.refused(f"its users, {sid}", service.users.list)
        assert (404, 20404) == (refusal.status, refusal.code)


@scenario
def what_is_set_for_a_service(stage: Stage) -> None:
    settings = stage.v1.services(stage.service_sid).configuration()
    roles = {each.friendly_name: each.sid for each in stage.api.roles.list()}
    plain = stage.note("at first", settings.fetch())
    assert (roles["channel admin"], roles["channel user"], roles["service user"]) == (
        plain.default_conversation_creator_role_sid,
        plain.default_conversation_role_sid,
        plain.default_chat_service_role_sid,
    )
    assert plain.reachability_enabled is False
    changed = stage.note(
        "changed",
        settings.update(default_conversation_role_sid=roles["channel admin"], reachability_enabled=True),
    )
    assert (roles["channel admin"], True) == (
        *(changed.default_conversation_role_sid, changed.reachability_enabled),
    )
    room = stage.api.conversations(stage.api.conversations.create().sid)
    assert roles["channel admin"] == room.participants.create(identity="bob").role_sid


@scenario
def the_notifications_of_a_service(stage: Stage) -> None:
    notifications = stage.v1.services(stage.service_sid).configuration.notifications()
    plain = stage.note("at first", notifications.fetch())
    assert plain.log_enabled is False
    assert plain.new_message["enabled"] is False
    changed = stage.note(
        "changed",
        notifications.update(
            new_message_enabled=True,
            new_message_template="${CONVERSATION}: ${MESSAGE}",
            new_message_with_media_enabled=True,
            added_to_conversation_sound="ping",
        ),
    )
    assert (True, "${CONVERSATION}: ${MESSAGE}") == (
        *(changed.new_message["enabled"], changed.new_message["template"]),
    )
    assert "ping" == notifications.fetch().added_to_conversation["sound"]


@scenario
def the_bindings_of_a_service(stage: Stage) -> None:
    bindings = stage.v1.services(stage.service_sid).bindings
    assert [] == stage.note("all", bindings.list())
    assert [] == bindings.list(binding_type=["fcm"], identity=["bob"])
    unknown = "BS" + "0" * 32
    for call in (bindings(unknown).fetch, bindings(unknown).delete):
        refusal = stage.refused("one that is not there", call)
        assert (404, 20404) == (refusal.status, refusal.code)


@of_the_account
def what_is_set_for_the_account(stage: Stage) -> None:
    plain = stage.note("at first", stage.v1.configuration().fetch())
    assert stage.account_sid == plain.account_sid
    assert {"service", "webhooks"} == set(plain.links)
    changed = stage.note("changed", stage.v1.configuration().update(default_closed_timer="P7D"))
    assert "P7D" == changed.default_closed_timer == stage.v1.configuration().fetch().default_closed_timer


@of_the_account
def a_credential_from_being_made_to_its_end(stage: Stage) -> None:
    made = stage.note("made", stage.v1.credentials.create(type="fcm", friendly_name="Phones", secret="a key"))
    assert re.fullmatch("CR[0-9a-f]{32}", made.sid)
    assert ("fcm", "Phones") == (made.type, made.friendly_name)
    assert made.sid == stage.note("fetched", stage.v1.credentials(made.sid).fetch()).sid
    changed = stage.note("changed", stage.v1.credentials(made.sid).update(friendly_name="Tablets"))
    assert "Tablets" == changed.friendly_name
    apn = stage.note(
        "for apn", stage.v1.credentials.create(type="apn", certificate="c", private_key="k", sandbox=True)
    )
    assert "True" == apn.sandbox
    assert sorted((made.sid, apn.sid)) == sorted(each.sid for each in stage.v1.credentials.list())
    assert stage.note("deleted", stage.v1.credentials(made.sid).delete()) is True
    stage.not_found("fetched once gone", f"/Credentials/{made.sid}", stage.v1.credentials(made.sid).fetch)


@of_the_account
def addresses_that_begin_no_conversations(stage: Stage) -> None:
    addresses = stage.v1.address_configurations
    refusal = stage.refused(
        "made", addresses.create, type="sms", address="+15551230000", friendly_name="Desk"
    )
    assert 400 == refusal.status
    assert "Azure Communication Services" in refusal.text or "ACS Chat" in refusal.text
    assert [] == stage.note("all", addresses.list())
    assert [] == addresses.list(type="whatsapp")
    unknown = "IG" + "0" * 32
    for call in (addresses(unknown).fetch, addresses(unknown).update, addresses(unknown).delete):
        stage.not_found("one that is not there", f"/Configuration/Addresses/{unknown}", call)
