"""What a prepared message shows, by type: text, media, a card with buttons and so on.

Content is a dict with a ``type`` to match on, as Twilio's client has an object. A key that a template leaves out is
absent. ``rawData`` is the whole as JSON text, for what the other keys do not tell. `twilio_compat.content_reading`
makes content of what Twilio's Content API has.
"""

from __future__ import annotations

from typing import Literal, NotRequired, TypeAlias, TypedDict

__all__ = [
    "ContentData",
    "ContentDataAction",
    "ContentDataActionOther",
    "ContentDataActionPhone",
    "ContentDataActionReply",
    "ContentDataActionUrl",
    "ContentDataCallToAction",
    "ContentDataCard",
    "ContentDataListItem",
    "ContentDataListPicker",
    "ContentDataLocation",
    "ContentDataMedia",
    "ContentDataOther",
    "ContentDataQuickReply",
    "ContentDataReply",
    "ContentDataText",
]


# What content looks like


class ContentDataActionUrl(TypedDict):
    """A button that opens a page."""

    type: Literal["url"]
    title: str
    url: str
    rawData: str


class ContentDataActionPhone(TypedDict):
    """A button that calls a number."""

    type: Literal["phone"]
    title: str
    phone: str
    rawData: str


class ContentDataActionReply(TypedDict):
    """A button that answers."""

    type: Literal["reply"]
    title: str
    id: NotRequired[str]
    index: int
    rawData: str


class ContentDataActionOther(TypedDict):
    """A button of another kind."""

    type: Literal["other"]
    rawData: str


ContentDataAction: TypeAlias = (
    ContentDataActionUrl | ContentDataActionPhone | ContentDataActionReply | ContentDataActionOther
)


class ContentDataReply(TypedDict):
    """One of the answers that are offered."""

    title: str
    id: NotRequired[str]


class ContentDataListItem(TypedDict):
    """One of the things to choose from."""

    id: str
    item: str
    description: NotRequired[str]


class ContentDataText(TypedDict):
    """Text."""

    type: Literal["text"]
    body: str
    rawData: str


class ContentDataMedia(TypedDict):
    """Files, by URL."""

    type: Literal["media"]
    body: NotRequired[str]
    media: list[str]
    rawData: str


class ContentDataLocation(TypedDict):
    """A place, in degrees."""

    type: Literal["location"]
    longitude: float
    latitude: float
    label: NotRequired[str]
    rawData: str


class ContentDataQuickReply(TypedDict):
    """Text with answers to choose from."""

    type: Literal["quickReply"]
    body: str
    replies: list[ContentDataReply]
    rawData: str


class ContentDataCallToAction(TypedDict):
    """Text with buttons."""

    type: Literal["callToAction"]
    body: str
    actions: list[ContentDataAction]
    rawData: str


class ContentDataListPicker(TypedDict):
    """Text with a list to choose from, behind a button."""

    type: Literal["listPicker"]
    body: str
    button: str
    items: list[ContentDataListItem]
    rawData: str


class ContentDataCard(TypedDict):
    """A card with pictures and buttons."""

    type: Literal["card"]
    title: str
    subtitle: NotRequired[str]
    media: list[str]
    actions: list[ContentDataAction]
    rawData: str


class ContentDataOther(TypedDict):
    """Content of a type that is not known here."""

    type: Literal["other"]
    rawData: str


ContentData: TypeAlias = (
    ContentDataText
    | ContentDataMedia
    | ContentDataLocation
    | ContentDataQuickReply
    | ContentDataCallToAction
    | ContentDataListPicker
    | ContentDataCard
    | ContentDataOther
)
