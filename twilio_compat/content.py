"""Content templates: messages prepared beforehand, with a shape for each kind of channel.

A template has one or more types of content, such as ``twilio/text`` and ``twilio/card``, and placeholders such as
``{{1}}``. `Client.getContentTemplates` lists the templates, `MessageBuilder.setContentTemplate` makes a message of
one, and `Message.getContentData` returns what such a message shows, filled in (see `twilio_compat.content_data`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from twilio_compat.arguments import checked, string
from twilio_compat.content_reading import content_data
from twilio_compat.records import ContentTemplateRecord

if TYPE_CHECKING:
    from twilio_compat.session import Session

__all__ = ["ContentTemplate", "ContentTemplateVariable", "ContentTemplates"]

CACHED_FOR: Final = 5.0
"""Seconds for which the list of templates is not asked for again, as in Twilio's client."""


class ContentTemplateVariable:
    """What a placeholder stands for: ``name`` is ``1`` for ``{{1}}``."""

    @checked(name=string, value=string)
    def __init__(self, name: str, value: str) -> None:
        """Let *name* stand for *value*."""
        self.name: Final = name
        self.value: Final = value

    def __repr__(self) -> str:
        """Show both."""
        return f"<ContentTemplateVariable {self.name}={self.value!r}>"

    def __eq__(self, other: object) -> bool:
        """Compare both."""
        if not isinstance(other, ContentTemplateVariable):
            return NotImplemented
        return (self.name, self.value) == (other.name, other.value)

    def __hash__(self) -> int:
        """Hash both."""
        return hash((self.name, self.value))

    @checked(value=string)
    def copyWithValue(self, value: str) -> ContentTemplateVariable:
        """Return a variable of the same name with another value."""
        return ContentTemplateVariable(self.name, value)


class ContentTemplate:
    """A prepared message."""

    def __init__(self, record: ContentTemplateRecord) -> None:
        """Show *record*."""
        self.sid: Final = record.sid
        """``HX`` and 32 hex digits."""
        self.friendlyName: Final = record.friendly_name
        """Name to show to those who choose a template."""
        self.variables: Final = [ContentTemplateVariable(*each) for each in record.variables.items()]
        """The placeholders, each with the value it has unless another is given."""
        self.variants: Final = {kind: content_data(kind, data) for kind, data in record.types.items()}
        """The content by type, such as ``twilio/text``; the placeholders are still in it."""
        self.dateCreated: Final[datetime] = record.date_created
        """When it was made, in UTC."""
        self.dateUpdated: Final[datetime] = record.date_updated
        """When it was last changed, in UTC."""

    def __repr__(self) -> str:
        """Name the template."""
        return f"<ContentTemplate {self.sid} {self.friendlyName!r}>"


class ContentTemplates:
    """The templates of the deployment, as one client asks for them."""

    def __init__(self, session: Session, *, clock: Callable[[], float]) -> None:
        """Ask again after `CACHED_FOR` seconds of *clock*."""
        self._session = session
        self._clock = clock
        self._known: tuple[ContentTemplate, ...] = ()
        self._known_until = -float("inf")

    async def list(self) -> Sequence[ContentTemplate]:
        """Return all of them, in ascending order of sid; the same objects as long as they are kept."""
        if self._clock() >= self._known_until:
            session = self._session
            records = await session.backend.content_templates.list(session.actor)
            self._known = tuple(ContentTemplate(record) for record in records)
            self._known_until = self._clock() + CACHED_FOR
        return self._known
