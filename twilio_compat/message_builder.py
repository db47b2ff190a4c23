"""Composing a message step by step: ``prepareMessage().setBody(...).build().send()``.

A chain that ends before ``send()`` sends nothing, at Twilio and here, and Twilio says nothing about it. Here an
`UnsentMessageWarning` names the line that began the message, as soon as Python collects what was dropped.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Generator
from typing import TYPE_CHECKING, Final, Self, TypedDict
from uuid import uuid4

from twilio_compat.arguments import checked, json_type, string
from twilio_compat.errors import ArgumentError, UnsentMessageWarning
from twilio_compat.media import SendMediaOptions, check_media, upload_of
from twilio_compat.records import JSONValue, MediaRecord, MessageDraft

if TYPE_CHECKING:
    from twilio_compat.conversation import Conversation
    from twilio_compat.session import Session

__all__ = ["MEDIA_LIMIT", "MessageBuilder", "SendEmailOptions", "UnsentMessage"]

MEDIA_LIMIT: Final = 10
"""How many files a message may have."""


class SendEmailOptions(TypedDict, total=False):
    """What an e-mail has beyond a chat message."""

    subject: str


class _Origin:
    """Where in the application a message was begun, for the warning about one that is dropped."""

    __slots__ = ("_filename", "_line")

    def __init__(self, depth: int) -> None:
        """Remember the caller *depth* frames up."""
        frame = sys._getframe(depth + 1)
        self._filename, self._line = frame.f_code.co_filename, frame.f_lineno

    def warn(self, missing: str) -> None:
        """Warn that a message begun here was dropped, and that *missing* is what it lacks."""
        text = f"A message was prepared and dropped; nothing was sent, since {missing} was never called"
        warnings.warn_explicit(text, UnsentMessageWarning, self._filename, self._line)


class UnsentMessage:
    """A message as it will be sent. Sending it twice sends two messages, as at Twilio."""

    def __init__(self, session: Session, conversation: Conversation, origin: _Origin | None = None) -> None:
        """Begin with nothing in it. With an *origin*, warn where it is dropped unsent."""
        self.text: str | None = None
        self.attributes: JSONValue = {}
        self.mediaContent: list[SendMediaOptions] = []
        self.emailOptions: SendEmailOptions = {}
        self._session = session
        self._conversation = conversation
        self._origin = origin

    def __del__(self) -> None:
        """Warn unless it was sent."""
        if self._origin is not None:
            self._origin.warn("send()")

    async def send(self) -> int:
        """Upload the media one after another, send the message, and return its index.

        Raises `LimitError` for what does not fit, `ForbiddenError` where the user may not write, and
        `BackendError` where the service fails; then nothing was sent.
        """
        self._origin = None
        media = [await self._upload(each) for each in self.mediaContent]
        return await self._conversation._standing.messages.send(self._draft(tuple(media)))

    async def _upload(self, given: SendMediaOptions) -> MediaRecord:
        async with upload_of(given) as upload:
            return await self._session.backend.media.upload(self._session.actor, upload)

    def _draft(self, media: tuple[MediaRecord, ...]) -> MessageDraft:
        return MessageDraft(
            mutation_id=uuid4().hex,
            body=self.text if media else self.text or "",
            attributes=self.attributes,
            subject=self.emailOptions.get("subject"),
            media=media,
        )


class MessageBuilder:
    """Collects what a message is to hold; each setter returns the builder.

    Awaiting a builder yields the builder, as JavaScript does with what is not a promise: Twilio code that awaits
    a chain without ``build().send()`` runs, and sends nothing.
    """

    def __init__(self, session: Session, conversation: Conversation) -> None:
        """Begin an empty message. Applications call `Conversation.prepareMessage`."""
        self._origin = _Origin(2)
        self._message = UnsentMessage(session, conversation)
        self._session = session
        self._conversation = conversation
        self._built = False

    def __await__(self) -> Generator[None, None, Self]:
        """Yield the builder itself, at once."""
        return self._itself().__await__()

    def __del__(self) -> None:
        """Warn where something was put in and nothing was built."""
        message = self._message
        holds = message.text is not None or message.mediaContent or message.attributes or message.emailOptions
        if holds and not self._built:
            self._origin.warn("build().send()")

    @checked(text=string)
    def setBody(self, text: str) -> Self:
        """Set the text."""
        self._message.text = text
        return self

    @checked(subject=string)
    def setSubject(self, subject: str) -> Self:
        """Set the subject."""
        self._message.emailOptions["subject"] = subject
        return self

    @checked(attributes=json_type)
    def setAttributes(self, attributes: JSONValue) -> Self:
        """Set what the application keeps on the message: anything JSON can say."""
        self._message.attributes = attributes
        return self

    def addMedia(self, payload: SendMediaOptions) -> Self:
        """Attach a file: its ``contentType``, its ``media`` and, where it has one, its ``filename``."""
        check_media(payload)
        self._message.mediaContent.append(payload)
        return self

    def build(self) -> UnsentMessage:
        """Return the message, ready to `send`. `ArgumentError` where it has more than ten files."""
        if (count := len(self._message.mediaContent)) > MEDIA_LIMIT:
            raise ArgumentError(f"Too many media attachments in the message ({count} > {MEDIA_LIMIT})")
        self._built = True
        return self._copy()

    async def buildAndSend(self) -> int:
        """Do ``build().send()``."""
        return await self.build().send()

    def _copy(self) -> UnsentMessage:
        built = UnsentMessage(self._session, self._conversation, self._origin)
        built.text = self._message.text
        built.attributes = self._message.attributes
        built.mediaContent = [*self._message.mediaContent]
        built.emailOptions = {**self._message.emailOptions}
        return built

    async def _itself(self) -> Self:
        return self
