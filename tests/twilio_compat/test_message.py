"""What one message shows, tells and can be asked."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.journal import Journal, settle
from tests.support.memory_backend import EPOCH
from twilio_compat import (
    AggregatedDeliveryReceipt,
    Client,
    Conversation,
    DetailedDeliveryReceipt,
    Message,
)
from twilio_compat.errors import NotFoundError
from twilio_compat.records import DeliveryReceiptRecord, DeliveryRecord

from .conftest import SignIn


@pytest.fixture
async def room(alice: Client, bob: Client) -> Conversation:
    """A conversation with both in it."""
    room = await (await alice.createConversation(friendlyName="Room")).join()
    await room.add("bob")
    await settle()
    return room


async def sent(room: Conversation, body: str = "hello") -> Message:
    """Send a message and return it."""
    await room.sendMessage(body)
    return (await room.getMessages(1)).items[0]


def words(receipt: AggregatedDeliveryReceipt | None) -> tuple[object, ...]:
    assert receipt is not None
    return (
        receipt.total,
        receipt.sent,
        receipt.delivered,
        receipt.read,
        receipt.undelivered,
        receipt.failed,
    )


# Receipts


@given(st.sets(st.integers(0, 5), min_size=1), st.sets(st.integers(0, 7)))
def test_a_receipt_says_whether_none_some_or_all_have_read(recipients: set[int], readers: set[int]) -> None:
    record = DeliveryRecord(recipients=frozenset(map(str, recipients)), read_by=frozenset(map(str, readers)))
    have_read = len(recipients & readers)
    read = {0: "none", len(recipients): "all"}.get(have_read, "some")
    receipt = AggregatedDeliveryReceipt._of(record)
    assert (len(recipients), "all", read, read, "none", "none") == words(receipt)


async def test_a_message_to_nobody_has_no_receipt(alice: Client) -> None:
    alone = await (await alice.createConversation()).join()
    assert (await sent(alone)).aggregatedDeliveryReceipt is None


async def test_a_receipt_follows_how_far_the_others_have_read(
    room: Conversation, alice: Client, sign_in: SignIn
) -> None:
    await sign_in("carol")
    await room.add("carol")
    first, second = await sent(room), await sent(room)
    bob, carol = [each.sid for each in (await room.getParticipants())[1:]]
    journal = Journal(alice, ["messageUpdated"])
    heard: list[int] = []
    for each in (first, second):
        each.on(Message.updated, lambda change: heard.append(change["message"].index))
    messages = room._standing.messages
    assert [2, 2] == [
        each.aggregatedDeliveryReceipt.total for each in (first, second) if each.aggregatedDeliveryReceipt
    ]
    messages.read_up_to(bob, 0)
    assert [(2, "all", "some", "some", "none", "none")] == [words(first.aggregatedDeliveryReceipt)]
    messages.read_up_to(carol, 1)
    messages.read_up_to(carol, 1)
    assert ["all", "some"] == [words(each.aggregatedDeliveryReceipt)[3] for each in (first, second)]
    assert [0, 0, 1] == heard
    assert ["messageUpdated:deliveryReceipt"] * 3 == journal.read()


async def test_who_never_looks_at_a_receipt_hears_nothing_of_it_as_at_twilio(
    room: Conversation, alice: Client
) -> None:
    message = await sent(room)
    bob = (await room.getParticipants())[1].sid
    journal = Journal(alice, ["messageUpdated"])
    room._standing.messages.read_up_to(bob, 0)
    assert [] == journal.read()
    assert (1, "all", "all", "all", "none", "none") == words(message.aggregatedDeliveryReceipt)


async def test_who_asks_for_detailed_receipts_hears_of_changes(room: Conversation, alice: Client) -> None:
    message = await sent(room)
    bob = (await room.getParticipants())[1].sid
    await message.getDetailedDeliveryReceipts()
    journal = Journal(alice, ["messageUpdated"])
    room._standing.messages.read_up_to(bob, 0)
    assert ["messageUpdated:deliveryReceipt"] == journal.read()


async def test_the_author_reading_changes_no_receipt(room: Conversation, alice: Client) -> None:
    message = await sent(room)
    journal = Journal(alice, ["messageUpdated"])
    room._standing.messages.read_up_to(str(message.participantSid), 0)
    assert [] == journal.read()


async def test_a_horizon_that_is_told_before_the_message_counts(room: Conversation) -> None:
    bob = (await room.getParticipants())[1].sid
    room._standing.messages.read_up_to(bob, 0)
    first, second = await sent(room), await sent(room)
    assert ["all", "none"] == [words(each.aggregatedDeliveryReceipt)[3] for each in (first, second)]
    room._standing.messages.read_up_to(bob, None)
    assert "none" == words(first.aggregatedDeliveryReceipt)[3]


async def test_each_recipient_has_a_detailed_receipt(room: Conversation) -> None:
    message = await sent(room)
    [receipt] = await message.getDetailedDeliveryReceipts()
    [_, bob] = await room.getParticipants()
    assert (message.sid, room.sid, bob.sid, "sent", 0, "") == (
        receipt.messageSid,
        receipt.conversationSid,
        receipt.participantSid,
        receipt.status,
        receipt.errorCode,
        receipt.channelMessageSid,
    )
    assert message.dateCreated.strftime("%Y-%m-%dT%H:%M:%SZ") == receipt.dateCreated == receipt.dateUpdated


def test_a_code_of_an_error_is_text_as_at_twilio() -> None:
    record = DeliveryReceiptRecord(
        sid="DY1",
        conversation_sid="CH1",
        message_sid="IM1",
        participant_sid="MB1",
        status="failed",
        date_created=EPOCH,
        date_updated=EPOCH,
        error_code=30008,
    )
    assert "30008" == DetailedDeliveryReceipt._of(record).errorCode


# Updates


async def test_an_update_that_leaves_things_out_takes_nothing_away(room: Conversation, alice: Client) -> None:
    await room.prepareMessage().setBody("hello").setSubject("About").buildAndSend()
    [message] = (await room.getMessages()).items
    journal = Journal(alice, ["messageUpdated"])
    later = replace(
        message._record, subject=None, author=None, last_updated_by=None, body=None, delivery=None
    )
    room._standing.messages.updated(later)
    assert [] == journal.read()
    assert ("About", "alice", "hello") == (message.subject, message.author, message.body)
    assert message.aggregatedDeliveryReceipt is not None


async def test_all_that_changed_is_told_in_twilios_order(room: Conversation, alice: Client) -> None:
    message = await sent(room)
    assert message.aggregatedDeliveryReceipt is not None  # so its changes are told
    journal = Journal(alice, ["messageUpdated"])
    later = replace(
        message._record,
        attributes={"new": True},
        author="carol",
        body="",
        date_created=EPOCH,
        date_updated=message.dateUpdated.replace(year=2030),
        delivery=DeliveryRecord(recipients=frozenset({"MB1"}), read_by=frozenset({"MB1"})),
        last_updated_by="carol",
        subject="new",
    )
    room._standing.messages.updated(later)
    reasons = "body+subject+lastUpdatedBy+author+dateUpdated+dateCreated+attributes+deliveryReceipt"
    assert [f"messageUpdated:{reasons}"] == journal.read()
    assert "" == message.body


# Who sent it


async def test_the_sender_is_found_by_identity_where_the_sid_is_another_one(room: Conversation) -> None:
    message = await sent(room)
    message._record = replace(message._record, participant_sid="MBgone")
    assert "alice" == (await message.getParticipant()).identity


@pytest.mark.parametrize(
    ("sid", "author", "says"),
    [
        ("MB1", "zoe", "Participant with SID 'MB1' or identity 'zoe' was not found"),
        (None, "zoe", "Participant with identity 'zoe' was not found"),
        ("MB1", None, "Participant with SID 'MB1' was not found"),
        (None, None, "Participant was not found"),
    ],
)
async def test_a_sender_who_is_no_member_is_not_found_in_twilios_words(
    room: Conversation, sid: str | None, author: str | None, says: str
) -> None:
    message = await sent(room)
    message._record = replace(message._record, participant_sid=sid, author=author)
    with pytest.raises(NotFoundError) as caught:
        await message.getParticipant()
    assert says == caught.value.detail


# What chat does not have


async def test_chat_has_neither_channel_metadata_nor_email_recipients(room: Conversation) -> None:
    message = await sent(room)
    assert (None, []) == (await message.getChannelMetadata(), await message.getMessageRecipients())
