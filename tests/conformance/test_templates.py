"""Content templates, from the store to what a message of one shows."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.conformance.signing_in import Desk
from twilio_compat import ContentTemplateVariable
from twilio_compat.templates import read_templates

WRITTEN = datetime(2026, 1, 2, tzinfo=UTC)
TEMPLATE = """{
    "sid": "HX00000000000000000000000000000001", "friendly_name": "order", "variables": {"1": "Ann", "2": "7"},
    "types": {"twilio/text": {"body": "{{1}}, order {{2}} is on its way"}}
}"""


async def test_a_template_is_listed_with_its_variables_and_variants(desk: Desk) -> None:
    await desk.deployment.backend().content_templates.put(read_templates(TEMPLATE, now=WRITTEN))
    alice = await desk.sign_in("alice")
    [template] = await alice.getContentTemplates()
    assert ("HX00000000000000000000000000000001", "order") == (template.sid, template.friendlyName)
    assert (WRITTEN, WRITTEN) == (template.dateCreated, template.dateUpdated)
    assert [("1", "Ann"), ("2", "7")] == [(each.name, each.value) for each in template.variables]
    assert ["text"] == [content["type"] for content in template.variants.values()]


async def test_a_message_of_a_template_shows_what_it_was_made_of(desk: Desk) -> None:
    await desk.deployment.backend().content_templates.put(read_templates(TEMPLATE, now=WRITTEN))
    alice = await desk.sign_in("alice")
    room = await (await alice.createConversation()).join()
    name = ContentTemplateVariable("1", "Ann").copyWithValue("Bob")
    await (
        room.prepareMessage().setContentTemplate("HX00000000000000000000000000000001", [name]).buildAndSend()
    )
    [message] = (await room.getMessages()).items
    content = await message.getContentData()
    assert content is not None
    assert "text" == content["type"]
    assert "Bob, order 7 is on its way" == content["body"]
    assert "HX00000000000000000000000000000001" == message.contentSid
