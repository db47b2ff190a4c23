"""Participants."""

from __future__ import annotations

import re
from datetime import datetime

from tests.rest.contract.stage import Stage, scenario


@scenario
def a_participant_from_coming_to_going(stage: Stage) -> None:
    made = stage.api.conversations.create()
    room = stage.api.conversations(made.sid)
    member = stage.note(
        "added", room.participants.create(identity="Integration Test 2", attributes='{"a": 1}')
    )
    assert re.fullmatch("MB[0-9a-f]{32}", member.sid)
    assert ("Integration Test 2", '{"a": 1}', made.sid) == (
        *(member.identity, member.attributes, member.conversation_sid),
    )
    assert (None, None, None) == (
        *(member.messaging_binding, member.last_read_message_index, member.last_read_timestamp),
    )
    assert re.fullmatch("RL[0-9a-f]{32}", member.role_sid)
    assert isinstance(member.date_created, datetime)
    assert member.sid == stage.note("by sid", room.participants(member.sid).fetch()).sid
    assert member.sid == stage.note("by identity", room.participants("Integration Test 2").fetch()).sid
    changed = stage.note("changed", room.participants(member.sid).update(attributes='{"a": 2}'))
    assert '{"a": 2}' == changed.attributes
    assert [member.sid] == [each.sid for each in room.participants.list()]
    assert stage.note("removed", room.participants("Integration Test 2").delete()) is True
    path = f"/Conversations/{made.sid}/Participants"
    stage.not_found("fetched once gone", f"{path}/{member.sid}", room.participants(member.sid).fetch)
    stage.not_found("changed once gone", f"{path}/{member.sid}", room.participants(member.sid).update)
    stage.not_found("removed twice", f"{path}/{member.sid}", room.participants(member.sid).delete)
    assert [] == room.participants.list()


@scenario
def a_participant_who_is_one_already(stage: Stage) -> None:
    room = stage.api.conversations(stage.api.conversations.create().sid)
    room.participants.create(identity="bob")
    refusal = stage.refused("added twice", room.participants.create, identity="bob")
    assert (409, 50433) == (refusal.status, refusal.code)
    assert "Unable to create record: Participant already exists" == refusal.text
    assert 1 == len(room.participants.list())


@scenario
def participants_that_cannot_be(stage: Stage) -> None:
    room = stage.api.conversations(stage.api.conversations.create().sid)
    refusal = stage.refused("nobody", room.participants.create)
    assert (400, 50204) == (refusal.status, refusal.code)
    assert "Unable to create record: Identity not provided" == refusal.text
    refusal = stage.refused(
        "attributes that are no JSON", room.participants.create, identity="bob", attributes="{"
    )
    assert (400, 50304) == (refusal.status, refusal.code)
    refusal = stage.refused(
        "a role that is not there", room.participants.create, identity="bob", role_sid="RL" + "0" * 32
    )
    assert 404 == refusal.status or 400 == refusal.status
    assert [] == room.participants.list()


@scenario
def how_far_somebody_has_read(stage: Stage) -> None:
    room = stage.api.conversations(stage.api.conversations.create().sid)
    room.participants.create(identity="bob")
    for number in range(3):
        room.messages.create(author="alice", body=str(number))
    read = stage.note("read", room.participants("bob").update(last_read_message_index=1))
    assert 1 == read.last_read_message_index
    assert read.last_read_timestamp
    unread = stage.api.users("bob").user_conversations(read.conversation_sid).fetch()
    assert (1, 1) == (unread.last_read_message_index, unread.unread_messages_count)
    assert 1 == room.participants("bob").fetch().last_read_message_index


@scenario
def a_role_in_a_conversation(stage: Stage) -> None:
    roles = {each.friendly_name: each.sid for each in stage.api.roles.list()}
    room = stage.api.conversations(stage.api.conversations.create().sid)
    member = stage.note("added", room.participants.create(identity="bob", role_sid=roles["channel admin"]))
    assert roles["channel admin"] == member.role_sid
    changed = stage.note("changed", room.participants("bob").update(role_sid=roles["channel user"]))
    assert roles["channel user"] == changed.role_sid
    assert roles["channel user"] == stage.note("plain", room.participants.create(identity="eve")).role_sid


@scenario
def participants_in_pages(stage: Stage) -> None:
    room = stage.api.conversations(stage.api.conversations.create().sid)
    names = [f"member {number}" for number in range(5)]
    for name in names:
        room.participants.create(identity=name)
    assert names == sorted(each.identity for each in room.participants.list(page_size=2))
    assert 3 == len(room.participants.list(limit=3))
    assert 5 == len(room.participants.list(limit=500))
    stage.note("last page", len(list(room.participants.page(page_size=3).next_page())))


@scenario
def the_conversations_of_a_participant(stage: Stage) -> None:
    rooms = [stage.api.conversations.create(unique_name=f"room {number}") for number in range(3)]
    for room in rooms[:2]:
        stage.api.conversations(room.sid).participants.create(identity="bob")
    found = stage.api.participant_conversations.list(identity="bob")
    assert sorted(each.sid for each in rooms[:2]) == sorted(each.conversation_sid for each in found)
    stage.note("one", next(each for each in found if each.conversation_sid == rooms[0].sid))
    assert {"bob"} == {each.participant_identity for each in found}
    assert {"room 0", "room 1"} == {each.conversation_unique_name for each in found}
    assert 2 == len(stage.api.participant_conversations.list(identity="bob", page_size=1))
    assert [] == stage.note("of nobody", stage.api.participant_conversations.list(identity="nobody"))
    assert [] == stage.note("by address", stage.api.participant_conversations.list(address="+15551230000"))
    both = stage.refused("by both", stage.api.participant_conversations.list, identity="bob", address="+1555")
    assert (400, 50451) == (both.status, both.code)
