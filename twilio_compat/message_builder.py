"""Composing a message step by step: ``prepareMessage().setBody(...).build().send()``.

A chain that ends before ``send()`` sends nothing, at Twilio and here, and Twilio says nothing about it. Here an
`UnsentMessageWarning` names the line that began the message, as soon as Python collects what was dropped.

Sending begins with the call of ``send()``, not with awaiting it. The files are uploaded one after another in the
order of `UnsentMessage.mediaContent`, then the message is posted. Called off before that, it is as if it had never
been sent; from then on the service decides, and the message, if it came about, is announced like any other.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Coroutine, Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Self, TypeAlias, TypedDict
from uuid import uuid4

from twilio_compat.arguments import any_of, array, as_json, checked, instance_of, json_type, string, undefined
from twilio_compat.cancellable import CancellablePromise
from twilio_compat.content import ContentTemplateVariable
from twilio_compat.errors import ArgumentError, LimitError, UnsentMessageWarning
from twilio_compat.media_upload import (
    FormData,
    SendMediaOptions,
    check_media,
    form_data,
    send_media_options,
    upload_of,
)
from twilio_compat.records import MEGABYTE, JSONValue, MediaCategory, MediaRecord, MessageDraft

if TYPE_CHECKING:
    from twilio_compat.conversation import Conversation
    from twilio_compat.session import Session

__all__ = ["MessageBuilder", "SendEmailOptions", "UnsentMessage"]

Payload: TypeAlias = FormData | SendMediaOptions
"""What a file is given as."""


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
        self.mediaContent: list[tuple[MediaCategory, Payload]] = []
        self.emailOptions: SendEmailOptions = {}
        self.contentSid: str | None = None
        self.contentVariables: Sequence[ContentTemplateVariable] = ()
        self._session = session
        self._conversation = conversation
        self._origin = origin

    def __del__(self) -> None:
        """Warn unless it was sent."""
        if self._origin is not None:
            self._origin.warn("send()")

    def send(self) -> CancellablePromise[int]:
        """Upload the media one after another, send the message, and return its index.

        Raises `LimitError` for what does not fit, `ForbiddenError` where the user may not write, and
        `BackendError` where the service fails; then nothing was sent.
        """
        self._origin = None
        return self._session.promises.begin(self._delivery())

    def _delivery(self) -> Coroutine[object, object, int]:
        """Return the work of sending the message as it is now."""
        draft = MessageDraft(
            mutation_id=uuid4().hex,
            is_first=True,
            body=self.text if self.mediaContent or self.contentSid else self.text or "",
            attributes=as_json(self.attributes),
            subject=self.emailOptions.get("subject"),
            content_sid=self.contentSid,
            content_variables={each.name: each.value for each in self.contentVariables},
        )
        return self._deliver(draft, [*self.mediaContent])

    async def _deliver(self, draft: MessageDraft, files: Sequence[tuple[MediaCategory, Payload]]) -> int:
        media = await self._upload(files)
        return await self._conversation._standing.messages.send(replace(draft, media=tuple(media)))

    async def _upload(self, files: Sequence[tuple[MediaCategory, Payload]]) -> list[MediaRecord]:
        session, uploaded, room = self._session, [], self._session.backend.limits.media_total_size
        for category, payload in files:
            async with upload_of(payload, category) as upload:
                uploaded.append(await session.backend.media.upload(session.actor, upload))
            if sum(each.size for each in uploaded) > room * MEGABYTE:
                raise LimitError(f"Message media size is too large: over {room} MB in all", code=50512)
        return uploaded


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
        self._email_bodies: dict[str, Payload] = {}
        self._email_histories: dict[str, Payload] = {}
        self._built = False

    def __await__(self) -> Generator[None, None, Self]:
        """Yield the builder itself, at once."""
        return self._itself().__await__()

    def __del__(self) -> None:
        """Warn where something was put in and nothing was built."""
        if not self._built and self._holds_something():
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

    @checked(contentType=string, body=any_of(form_data, send_media_options))
    def setEmailBody(self, contentType: str, body: Payload) -> Self:
        """Set the body of an e-mail in the format *contentType*, ``text/plain`` or ``text/html``."""
        self._email_bodies[contentType] = body
        return self

    @checked(contentType=string, history=any_of(form_data, send_media_options))
    def setEmailHistory(self, contentType: str, history: Payload) -> Self:
        """Set what an e-mail replies to, in the format *contentType*, ``text/plain`` or ``text/html``."""
        self._email_histories[contentType] = history
        return self

    @checked(
        contentSid=string,
        contentVariables=any_of(array("content variables", instance_of(ContentTemplateVariable)), undefined),
    )
    def setContentTemplate(
        self, contentSid: str, contentVariables: Sequence[ContentTemplateVariable] | None = None
    ) -> Self:
        """Make the message of a template: its text takes the place of the body. Other values are the template's."""
        self._message.contentSid = contentSid
        self._message.contentVariables = contentVariables or ()
        return self

    def addMedia(self, payload: Payload) -> Self:
        """Attach a file: its ``contentType``, its ``media`` and, where it has one, its ``filename``."""
        check_media(payload)
        self._message.mediaContent.append(("media", payload))
        return self

    def build(self) -> UnsentMessage:
        """Return the message, ready to `send`; may be repeated.

        Raises `ArgumentError` for more files, or other formats of an e-mail, than the conversation's limits allow.
        The sizes show when the files are uploaded.
        """
        self._built = True  # where it raises, the application knows
        limits = self._session.backend.limits
        _check_formats("body", self._email_bodies, limits.email_body_types)
        _check_formats("history", self._email_histories, limits.email_history_types)
        if (count := len(self._message.mediaContent)) > limits.media_count:
            raise ArgumentError(f"Too many media attachments in the message ({count} > {limits.media_count})")
        return self._copy()

    def buildAndSend(self) -> CancellablePromise[int]:
        """Do ``build().send()``."""
        return self.build().send()

    def _holds_something(self) -> bool:
        message = self._message
        return message.text is not None or any(
            (
                message.mediaContent,
                message.attributes,
                message.emailOptions,
                message.contentSid,
                self._email_bodies,
                self._email_histories,
            )
        )

    def _copy(self) -> UnsentMessage:
        mine, built = self._message, UnsentMessage(self._session, self._conversation, self._origin)
        built.text, built.attributes, built.emailOptions = mine.text, mine.attributes, {**mine.emailOptions}
        built.contentSid, built.contentVariables = mine.contentSid, mine.contentVariables
        built.mediaContent = [
            *mine.mediaContent,
            *(("body", each) for each in self._email_bodies.values()),
            *(("history", each) for each in self._email_histories.values()),
        ]
        return built

    async def _itself(self) -> Self:
        return self


def _check_formats(part: str, given: Collection[str], allowed: Collection[str]) -> None:
    for each in given:
        if each not in allowed:
            raise ArgumentError(f"Unsupported email {part} content type {each}")
