"""What holds in a service: the roles of those who were given none, and what would be pushed."""

from typing import Any

import pytest
from twilio.base.exceptions import TwilioRestException

from twilio_compat.rest import Client


@pytest.fixture
def service(client: Client) -> Any:
    """Return the default service."""
    return client.conversations.v1.services(
        client.conversations.v1.configuration().fetch().default_chat_service_sid
    )


def test_roles_that_are_given_by_default_can_be_changed(client: Client, service: Any) -> None:
    roles = {each.friendly_name: each.sid for each in client.conversations.v1.roles.list()}
    plain = service.configuration().fetch()

    changed = service.configuration().update(
        default_conversation_creator_role_sid=roles["channel user"],
        default_conversation_role_sid=roles["channel admin"],
        default_chat_service_role_sid=roles["service admin"],
    )

    assert (roles["channel admin"], roles["channel user"], roles["service user"]) == (
        plain.default_conversation_creator_role_sid,
        plain.default_conversation_role_sid,
        plain.default_chat_service_role_sid,
    )
    assert (roles["channel user"], roles["channel admin"], roles["service admin"]) == (
        changed.default_conversation_creator_role_sid,
        changed.default_conversation_role_sid,
        changed.default_chat_service_role_sid,
    )
    room = client.conversations.v1.conversations(client.conversations.v1.conversations.create().sid)
    assert roles["channel admin"] == room.participants.create(identity="bob").role_sid
    assert roles["service admin"] == client.conversations.v1.users("bob").fetch().role_sid


def test_a_role_that_is_not_there_is_refused_and_nothing_is_changed(client: Client, service: Any) -> None:
    before = service.configuration().fetch().default_conversation_role_sid

    with pytest.raises(TwilioRestException) as refused:
        service.configuration().update(default_conversation_role_sid="RL" + "0" * 32)

    assert (400, 50109) == (refused.value.status, refused.value.code)
    assert before == service.configuration().fetch().default_conversation_role_sid


def test_links_lead_to_what_else_is_configured(service: Any) -> None:
    configuration = service.configuration().fetch()

    assert (
        configuration.url
        == f"https://conversations.twilio.com/v1/Services/{service._solution['sid']}/Configuration"
    )
    assert {
        "notifications": f"{configuration.url}/Notifications",
        "webhooks": f"{configuration.url}/Webhooks",
    } == configuration.links


def test_notifications_are_kept_part_by_part(service: Any) -> None:
    notifications = service.configuration.notifications()
    plain = notifications.fetch()

    notifications.update(new_message_enabled=True, new_message_template="${USER}: ${MESSAGE}")
    notifications.update(
        new_message_with_media_enabled=True,
        new_message_badge_count_enabled=True,
        added_to_conversation_sound="ping",
        log_enabled=True,
    )

    assert [{"enabled": False}] * 3 == [
        plain.new_message,
        plain.added_to_conversation,
        plain.removed_from_conversation,
    ]
    assert plain.log_enabled is False
    kept = notifications.fetch()
    assert {
        "enabled": True,
        "template": "${USER}: ${MESSAGE}",
        "badge_count_enabled": True,
        "with_media": {"enabled": True},
    } == kept.new_message
    assert {"enabled": False, "sound": "ping"} == kept.added_to_conversation
    assert {"enabled": False} == kept.removed_from_conversation
    assert kept.log_enabled is True


def test_users_are_known_to_be_there_or_not_once_reachability_is_enabled(
    client: Client, service: Any
) -> None:
    users = client.conversations.v1.users
    users.create(identity="bob")
    assert (False, None) == (
        service.configuration().fetch().reachability_enabled,
        users("bob").fetch().is_online,
    )

    assert service.configuration().update(reachability_enabled=True).reachability_enabled is True

    assert (False, False) == (users("bob").fetch().is_online, users("bob").fetch().is_notifiable)
    other = client.conversations.v1.services(client.conversations.v1.services.create(friendly_name="x").sid)
    assert other.configuration().fetch().reachability_enabled is False
    assert service.configuration().update(reachability_enabled=False).reachability_enabled is False
    assert users("bob").fetch().is_online is None
