"""What webhooks are told has Twilio's names, and looks as Twilio's does."""

from tests.webhooks.samples import (
    CONVERSATION_SID,
    MEDIA,
    MESSAGE_SID,
    PARTICIPANT_SID,
    REMOVED,
    SERVICE_SID,
    conversation,
    message,
    participant,
    user,
)
from twilio_compat.account import StateMove
from twilio_compat.records import ConversationDraft, MessageDraft, ParticipantDraft
from twilio_compat.webhooks import parameters


def test_a_message_is_told_as_it_was_seen_of_twilio() -> None:
    assert {
        "ConversationSid": CONVERSATION_SID,
        "MessageSid": MESSAGE_SID,
        "Index": "35",
        "DateCreated": "2021-08-10T18:00:58.111Z",
        "Body": "Grüße 👋🏽",
        "Author": "alice",
        "ParticipantSid": PARTICIPANT_SID,
        "Attributes": "{}",
    } == parameters.of_message(message())


def test_a_message_that_is_a_file_has_no_body_and_its_media_as_json() -> None:
    told = parameters.of_message(message(body=None, media=(MEDIA,)))
    assert "Body" not in told
    assert (
        '[{"Sid":"ME55555555555555555555555555555555","Filename":"batata 🥔.png",'
        '"ContentType":"image/png","Size":254586}]'
    ) == told["Media"]


def test_a_changed_message_says_when_it_was_changed_and_a_deleted_one_when_it_was_deleted() -> None:
    updated = parameters.of_message(message(), with_update=True)
    removed = parameters.of_message(message(), with_update=True, removed=REMOVED)
    assert "2021-08-10T19:00:58.111Z" == updated["DateUpdated"] == removed["DateUpdated"]
    assert ("DateRemoved" in updated, removed["DateRemoved"]) == (False, "2021-08-11T18:00:58.111Z")


def test_a_message_about_to_be_sent_has_neither_a_sid_nor_an_index() -> None:
    draft = MessageDraft(mutation_id="1", body="hi", attributes={"a": [1]}, media=(MEDIA,))
    told = parameters.of_new_message(CONVERSATION_SID, draft, author="alice", participant_sid=None)
    assert {"ConversationSid", "Body", "Author", "Attributes", "Media"} == set(told)
    assert '{"a": [1]}' == told["Attributes"]


def test_a_conversation_is_told_without_the_names_that_it_does_not_have() -> None:
    assert {
        "ConversationSid": CONVERSATION_SID,
        "DateCreated": "2021-08-10T18:00:58.111Z",
        "DateUpdated": "2021-08-10T19:00:58.111Z",
        "FriendlyName": "Room",
        "Attributes": '{"colour": "blue"}',
        "State": "active",
    } == parameters.of_conversation(conversation())


def test_a_conversation_tells_its_messaging_service_where_it_was_given_one() -> None:
    told = parameters.of_conversation(conversation(extras={"messaging_service_sid": "MG1"}))
    assert "MG1" == told["MessagingServiceSid"]


def test_a_conversation_about_to_be_made_has_no_sid() -> None:
    draft = ConversationDraft(unique_name="room")
    assert {"UniqueName": "room", "Attributes": "{}", "State": "active"} == parameters.of_new_conversation(
        draft
    )


def test_a_change_of_state_tells_both_states_and_what_moved_it() -> None:
    move = StateMove(conversation=conversation(), before="inactive")
    assert {
        "ConversationSid": CONVERSATION_SID,
        "StateUpdated": "2021-08-10T18:00:58.111Z",
        "StateFrom": "inactive",
        "StateTo": "active",
        "Reason": "EVENT",
    } == parameters.of_state(move, "EVENT")


def test_a_member_tells_how_far_they_have_read_only_when_asked() -> None:
    told = parameters.of_participant(participant(), with_update=True)
    assert "LastReadMessageIndex" not in told
    assert "3" == parameters.of_participant(participant(), with_horizon=True)["LastReadMessageIndex"]
    assert ("chat", "alice") == (told["MessagingBinding.Type"], told["Identity"])


def test_a_member_about_to_be_added_has_a_role_and_no_sid() -> None:
    told = parameters.of_new_participant(CONVERSATION_SID, ParticipantDraft(identity="bob"), role_sid="RL1")
    assert {"ConversationSid", "Identity", "RoleSid", "Attributes", "MessagingBinding.Type"} == set(told)


def test_a_user_tells_where_they_are_only_where_the_deployment_knows() -> None:
    assert {} == parameters.of_presence(user())
    assert {"isOnline": "true", "isNotifiable": "false"} == parameters.of_presence(
        user(is_online=True, is_notifiable=False)
    )


def test_only_what_a_user_did_names_the_user() -> None:
    assert {
        "EventType": "onMessageAdded",
        "ChatServiceSid": SERVICE_SID,
        "Source": "API",
    } == parameters.origin("onMessageAdded", service_sid=SERVICE_SID, source="API")
