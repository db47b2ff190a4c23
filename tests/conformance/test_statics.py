"""What needs no service: values that can be made and read, and names that stand for what is not used here."""

from __future__ import annotations

from collections.abc import Sequence

from tests.support.memory_backend import MemoryBackend, MemoryService
from twilio_compat import (
    ChannelMetadata,
    Client,
    ContentTemplateVariable,
    EmailRecipientDescriptor,
    NotificationTypes,
    SendMediaOptions,
    UnknownRecipientDescriptor,
)


class Registrations:
    """Takes the notices a client wants, as a framework around it would."""

    def __init__(self) -> None:
        self.types: list[str] = []

    def populateInitRegistrations(self, types: Sequence[str]) -> None:
        self.types += types


def test_a_framework_learns_which_notices_a_client_wants() -> None:
    wanted = Registrations()
    Client.populateInitRegistrations(wanted)
    assert [NotificationTypes.TYPING_INDICATOR] == wanted.types


async def test_the_entity_behind_a_user_has_a_name() -> None:
    service = MemoryService()
    async with Client(service.token("alice"), {"backend": MemoryBackend(service)}) as alice:
        assert alice.user.entityName.startswith("US")


def test_what_other_channels_would_bring_can_be_made_and_read() -> None:
    metadata = ChannelMetadata(type="email", data={"subject": "Hello"})
    mail = EmailRecipientDescriptor(messageSid="IM1", level="to", name="Bob", address="bob@example.com")
    unknown = UnknownRecipientDescriptor(type="fax", messageSid="IM1", rawData="{}")
    assert ("email", {"subject": "Hello"}) == (metadata.type, metadata.data)
    assert ("email", "IM1", "to", "Bob", "bob@example.com") == (
        mail.type,
        mail.messageSid,
        mail.level,
        mail.name,
        mail.address,
    )
    assert ("fax", "IM1", "{}") == (unknown.type, unknown.messageSid, unknown.rawData)


async def test_a_message_that_was_built_can_be_looked_at() -> None:
    service = MemoryService()
    async with Client(service.token("alice"), {"backend": MemoryBackend(service)}) as alice:
        room = await (await alice.createConversation()).join()
        builder = room.prepareMessage().setBody("hello").setAttributes({"n": 1}).setSubject("Greeting")
        file: SendMediaOptions = {"contentType": "text/plain", "filename": "f.txt", "media": b"data"}
        unsent = (
            builder.addMedia(file).setContentTemplate("HX1", [ContentTemplateVariable("1", "Bob")]).build()
        )
        assert ("hello", {"n": 1}, [("media", file)]) == (unsent.text, unsent.attributes, unsent.mediaContent)
        assert ({"subject": "Greeting"}, "HX1") == (unsent.emailOptions, unsent.contentSid)
        assert [("1", "Bob")] == [(each.name, each.value) for each in unsent.contentVariables]
        unsent.contentSid, unsent.contentVariables = None, []
        await unsent.send()
