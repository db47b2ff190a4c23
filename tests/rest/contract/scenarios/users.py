"""Users, their conversations, and roles."""

from __future__ import annotations

import re

from tests.rest.contract.stage import Stage, scenario

CHANNEL_ADMIN = {
    "sendMessage",
    "sendMediaMessage",
    "leaveConversation",
    "editNotificationLevel",
    "deleteConversation",
    "removeParticipant",
    "editConversationName",
    "editConversationAttributes",
    "addParticipant",
    "editAnyParticipantAttributes",
    "editAnyMessage",
    "editAnyMessageAttributes",
    "deleteAnyMessage",
}


@scenario
def a_user_from_being_made_to_being_forgotten(stage: Stage) -> None:
    made = stage.note(
        "made", stage.api.users.create(identity="bob", friendly_name="Bob", attributes='{"a": 1}')
    )
    assert re.fullmatch("US[0-9a-f]{32}", made.sid)
    assert ("bob", "Bob", '{"a": 1}') == (made.identity, made.friendly_name, made.attributes)
    assert (None, None) == (made.is_online, made.is_notifiable)
    assert (stage.service_sid, {"user_conversations"}) == (made.chat_service_sid, set(made.links))
    assert re.fullmatch("RL[0-9a-f]{32}", made.role_sid)
    assert made.sid == stage.note("by sid", stage.api.users(made.sid).fetch()).sid
    assert made.sid == stage.note("by identity", stage.api.users("bob").fetch()).sid
    changed = stage.note("changed", stage.api.users("bob").update(friendly_name="Robert", attributes="{}"))
    assert ("Robert", "{}") == (changed.friendly_name, changed.attributes)
    assert stage.note("deleted", stage.api.users("bob").delete()) is True
    stage.not_found("fetched once gone", "/Users/bob", stage.api.users("bob").fetch)
    stage.not_found("by sid once gone", f"/Users/{made.sid}", stage.api.users(made.sid).fetch)
    stage.not_found("changed once gone", "/Users/bob", stage.api.users("bob").update)
    stage.not_found("deleted twice", "/Users/bob", stage.api.users("bob").delete)
    assert "bob" == stage.note("made again", stage.api.users.create(identity="bob")).identity


@scenario
def a_user_who_is_there_already(stage: Stage) -> None:
    stage.api.users.create(identity="bob")
    refusal = stage.refused("made twice", stage.api.users.create, identity="bob")
    assert (409, 50201) == (refusal.status, refusal.code)
    assert "Unable to create record: User already exists" == refusal.text
    room = stage.api.conversations(stage.api.conversations.create().sid)
    room.participants.create(identity="eve")
    refusal = stage.refused("made once a member", stage.api.users.create, identity="eve")
    assert (409, 50201) == (refusal.status, refusal.code)


@scenario
def users_in_pages(stage: Stage) -> None:
    names = [f"user{number}@example.com" for number in range(5)]
    for name in names:
        stage.api.users.create(identity=name)
    assert names == sorted(each.identity for each in stage.api.users.list())
    assert names == sorted(each.identity for each in stage.api.users.list(page_size=2))
    assert 3 == len(stage.api.users.list(limit=3))
    assert "user3@example.com" == stage.api.users("user3@example.com").fetch().identity


@scenario
def the_conversations_of_a_user(stage: Stage) -> None:
    rooms = [stage.api.conversations.create(friendly_name=f"Room {number}") for number in range(2)]
    for room in rooms:
        stage.api.conversations(room.sid).participants.create(identity="bob")
    stage.api.conversations(rooms[0].sid).messages.create(author="alice", body="Hello")
    theirs = stage.api.users("bob").user_conversations
    assert sorted(each.sid for each in rooms) == sorted(each.conversation_sid for each in theirs.list())
    assert 1 == len(theirs.list(limit=1))
    one = stage.note("one", theirs(rooms[0].sid).fetch())
    assert (None, None, "default", "active") == (
        *(
            one.unread_messages_count,
            one.last_read_message_index,
            one.notification_level,
            one.conversation_state,
        ),
    )
    assert ("Room 0", {"participant", "conversation"}) == (one.friendly_name, set(one.links))
    muted = stage.note(
        "changed", theirs(rooms[0].sid).update(notification_level="muted", last_read_message_index=0)
    )
    assert ("muted", 0, 0) == (
        *(muted.notification_level, muted.last_read_message_index, muted.unread_messages_count),
    )
    assert stage.note("left", theirs(rooms[0].sid).delete()) is True
    assert [rooms[1].sid] == [each.conversation_sid for each in theirs.list()]
    assert [] == stage.api.conversations(rooms[0].sid).participants.list()


@scenario
def the_conversations_of_a_user_who_is_not_there(stage: Stage) -> None:
    nobody = stage.api.users("nobody").user_conversations
    stage.not_found("all", "/Users/nobody/Conversations", nobody.list)
    sid = stage.api.conversations.create().sid
    stage.not_found("one", f"/Users/nobody/Conversations/{sid}", nobody(sid).fetch)
    stage.not_found("changed", f"/Users/nobody/Conversations/{sid}", nobody(sid).update)
    stage.not_found("left", f"/Users/nobody/Conversations/{sid}", nobody(sid).delete)


@scenario
def the_four_roles_and_others(stage: Stage) -> None:
    there = stage.note("there", stage.api.roles.list())
    by_name = {each.friendly_name: each for each in there}
    assert {"channel admin", "channel user", "service admin", "service user"} == set(by_name)
    assert ("conversation", "service") == (by_name["channel user"].type, by_name["service user"].type)
    assert set(by_name["channel admin"].permissions) == CHANNEL_ADMIN
    made = stage.note(
        "made",
        stage.api.roles.create(
            friendly_name="reader",
            type="conversation",
            permission=["leaveConversation", "editNotificationLevel"],
        ),
    )
    assert ("reader", "conversation") == (made.friendly_name, made.type)
    assert {"leaveConversation", "editNotificationLevel"} == set(made.permissions)
    changed = stage.note("changed", stage.api.roles(made.sid).update(permission=["sendMessage"]))
    assert ["sendMessage"] == changed.permissions == stage.api.roles(made.sid).fetch().permissions
    assert 5 == len(stage.api.roles.list(page_size=2))
    assert stage.note("deleted", stage.api.roles(made.sid).delete()) is True
    stage.not_found("fetched once gone", f"/Roles/{made.sid}", stage.api.roles(made.sid).fetch)
    stage.not_found("deleted twice", f"/Roles/{made.sid}", stage.api.roles(made.sid).delete)


@scenario
def roles_that_cannot_be(stage: Stage) -> None:
    create = stage.api.roles.create
    refusal = stage.refused(
        "a permission there is not", create, friendly_name="r", type="conversation", permission=["fly"]
    )
    assert (400, 50104) == (refusal.status, refusal.code)
    refusal = stage.refused(
        "a type there is not", create, friendly_name="r", type="planet", permission=["sendMessage"]
    )
    assert (400, 50105) == (refusal.status, refusal.code)
    assert 4 == len(stage.api.roles.list())
