"""A Twilio message as the content and metadata of an ACS message, and back: pure functions.

Theory of operation
-------------------
An ACS message has a text (`content`, not empty, about 28 KB) and string metadata (about 1 KB). A Twilio message has
a body, or none, JSON attributes, a subject, up to ten media, and the content template it was made of. The body is
the content. The rest is metadata, in two groups:

* for clients written for ACS: ``hasAttachment`` is ``"true"`` and ``attachmentUrl`` the first file's URL, as in
  Microsoft's guide for those who come from Twilio; ``fileSharingMetadata`` is the JSON array of all files that
  Microsoft's UI library shows;
* for this library, compact, in keys that begin with ``tw``:

  ===============  =====================================================================================
  ``twId``         the mutation id; its presence says that this library wrote the message
  ``twBody``       there is no body (``n``) or an empty one (``e``), and the hash of the stand-in content
  ``twMore``       the id of the overflow: what did not fit
  ``twAttributes`` the attributes, as JSON, unless ``{}``
  ``twMedia``      the media, as JSON arrays ``[sid, content type, size, filename, category]``
  ``twSubject``    the subject, as JSON
  ``twEditor``     the sid of the participant who edited it last, where that was not its author
  ``twContentSid`` the sid of the content template
  ``twContent``    what that template had, filled in, as JSON: a later change of it is no change of the message
  ===============  =====================================================================================

  and what the account says of a message (`acs_backend.imprints`), which is carried here and not looked into.

Keys and values together stay within a budget of UTF-8 bytes. They are placed in the order: ``twId``, ``twBody``,
``twMore``, ``hasAttachment`` and ``attachmentUrl``, what the account says, ``twAttributes``, ``twMedia``, ``twSubject``, ``twContentSid``,
``twContent``, ``fileSharingMetadata``. Of those, what the account says, attributes, media, subject and template go to the overflow where
they do not fit; the keys for ACS clients are left out, since the media can still be read. The overflow's id is the
hash of its text, so writing it twice is harmless and an edit never changes what another reader is about to read.

ACS refuses an empty content. A message without a body carries its file names instead, as far as they fit, and the hash in ``twBody``
tells that stand-in from a text that an ACS client has put in its place since: the body follows the content.

A message without ``twId`` comes from an ACS client: its content is the body, and the files it names in
``fileSharingMetadata`` or ``attachmentUrl`` are its media, with SIDs made of their URLs. Whoever is a member writes
what they like there, so what is no http(s) URL is no file.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote

from acs_backend import imprints
from acs_backend.sids import media_sid
from twilio_compat.errors import ArgumentError, ConfigurationError, LimitError, TwilsockUpstreamError
from twilio_compat.records import JSONValue, MediaRecord, MessageDraft

CONTENT_LIMIT = 28 * 1024
"""UTF-8 bytes that ACS takes as the content of a message."""
LONGEST_CHARACTER = 4
"""UTF-8 bytes of any character, at most."""
ATTRIBUTES_LIMIT = 4 * 1024
"""UTF-8 bytes of JSON that Twilio takes as the attributes of a message."""
SUBJECT_LIMIT = 256
"""Characters that Twilio takes as the subject of a message."""
MUTATION_ID_LIMIT = 64
"""Characters of a mutation id, which must be ASCII."""
SMALLEST_BUDGET = 160
"""Bytes of metadata without which not even the ids fit."""
NO_TEXT = "(no text)"
"""What an ACS client sees of a message without a body, media or text."""

ID, BODY, MORE = "twId", "twBody", "twMore"
ATTRIBUTES, MEDIA, SUBJECT = "twAttributes", "twMedia", "twSubject"
EDITOR = "twEditor"
CONTENT_SID, CONTENT = "twContentSid", "twContent"
KEPT = (*imprints.KEYS, ATTRIBUTES, MEDIA, SUBJECT, CONTENT_SID, CONTENT)
"""What must be read back, in the order in which it is placed."""
HAS_ATTACHMENT, ATTACHMENT_URL, FILES = "hasAttachment", "attachmentUrl", "fileSharingMetadata"
OWN_KEYS = frozenset({ID, BODY, MORE, *KEPT, EDITOR, HAS_ATTACHMENT, ATTACHMENT_URL, FILES})


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedMessage:
    """What to send. ``overflow`` is to be stored under ``overflow_id`` before; both are None if all of it fits."""

    content: str
    metadata: dict[str, str]
    overflow_id: str | None = None
    overflow: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedMessage:
    """What was read. ``mutation_id`` is None for a message from an ACS client.

    ``links`` gives, by sid, the URLs of its media that the metadata holds: all of them where an ACS client wrote it.
    ``editor`` is the sid of the participant who edited it last, None for its author.
    """

    body: str | None
    attributes: JSONValue = field(default_factory=dict)
    subject: str | None = None
    media: tuple[MediaRecord, ...] = ()
    mutation_id: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    editor: str | None = None
    content_sid: str | None = None
    content: Mapping[str, JSONValue] = field(default_factory=dict)
    """What the content template had, filled in, by type."""
    imprint: Mapping[str, str] = field(default_factory=dict)
    """What is said as the account says it, by key; whether the account said so is not known here."""


def encode(
    draft: MessageDraft,
    media_urls: Mapping[str, str],
    *,
    budget: int,
    content: Mapping[str, JSONValue] | None = None,
    imprint: Mapping[str, str] | None = None,
) -> EncodedMessage:
    """Return *draft* as ACS content and metadata of at most *budget* bytes.

    *media_urls* gives the URL of each of the draft's media by sid, *content* what its template has, filled in, and
    *imprint* what the account says of it. An empty ``draft.mutation_id`` keeps a message that an ACS client wrote one of
    theirs. `LimitError` 50504 (body), 50303 (attributes) and 20422 (subject), `TwilsockUpstreamError` 50304 for
    attributes that are not JSON, `ArgumentError` for text that is not Unicode.
    """
    if budget < SMALLEST_BUDGET:
        raise ConfigurationError(f"metadata_budget is {budget}; it must be at least {SMALLEST_BUDGET} bytes")
    text = _content(draft)
    ids = _ids(draft, text)
    shown = _shown(draft.media, media_urls)
    kept = {**(imprint or {}), **_kept(draft, content)}
    space, left_over = _fill(ids | shown, kept, budget)
    overflow_id = overflow = None
    if left_over:
        overflow_id, overflow, space = _overflow(ids | shown, kept, budget)
    if draft.media:
        space.put(FILES, _file_list(draft.media, media_urls))
    return EncodedMessage(content=text, metadata=space.metadata, overflow_id=overflow_id, overflow=overflow)


def overflow_id(metadata: Mapping[str, str]) -> str | None:
    """Return under which id the store holds what did not fit into *metadata*; None if all of it did."""
    return metadata.get(MORE) or None


def metadata_patch(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return the update that turns *old* into *new* at ACS, which merges and drops keys whose value is empty.

    It names only keys that differ, so that it undoes nothing that somebody else changes meanwhile. Keys of others
    stay.
    """
    dropped = {key: "" for key in old if key in OWN_KEYS and key not in new}
    return dropped | {key: value for key, value in new.items() if old.get(key) != value}


def decode(content: str, metadata: Mapping[str, str], overflow: str | None = None) -> DecodedMessage:
    """Return what a message says; never fails, since any ACS client may have written *metadata*.

    Without the overflow that `overflow_id` names, what it holds reads as if it had not been given.
    """
    kept = _strings(overflow) | {key: metadata[key] for key in KEPT if key in metadata}
    subject = _loads(kept.get(SUBJECT))
    template = _loads(kept.get(CONTENT))
    if ID in metadata or MEDIA in kept:
        media = _media(_loads(kept.get(MEDIA)))
        links = _own_links(metadata, {each.sid for each in media})
    else:
        links, media = _linked_media(metadata)
    return DecodedMessage(
        body=_body(content, metadata.get(BODY, "")),
        attributes=_loads(kept[ATTRIBUTES]) if ATTRIBUTES in kept else {},
        subject=subject if isinstance(subject, str) else None,
        media=media,
        mutation_id=metadata.get(ID) or None,
        links=links,
        editor=metadata.get(EDITOR) or None,
        content_sid=kept.get(CONTENT_SID) or None,
        content=template if isinstance(template, dict) else {},
        imprint={key: kept[key] for key in imprints.KEYS if key in kept},
    )


class _Space:
    """Metadata that grows up to a budget."""

    def __init__(self, budget: int) -> None:
        self.metadata: dict[str, str] = {}
        self.left = budget

    def put(self, key: str, value: str) -> bool:
        size = len(key.encode()) + len(value.encode())
        if size > self.left:
            return False
        self.left -= size
        self.metadata[key] = value
        return True


def _fill(first: Mapping[str, str], kept: Mapping[str, str], budget: int) -> tuple[_Space, dict[str, str]]:
    space = _Space(budget)
    for key, value in first.items():
        space.put(key, value)
    return space, {key: value for key, value in kept.items() if not space.put(key, value)}


def _overflow(first: Mapping[str, str], kept: Mapping[str, str], budget: int) -> tuple[str, str, _Space]:
    """Fill again with room for the reference; return the overflow's id, its text, and the metadata."""
    reserved = len(MORE) + 32
    space, left_over = _fill(first, kept, budget - reserved)
    text = json.dumps(left_over, sort_keys=True)
    name = hashlib.sha256(text.encode()).hexdigest()[:32]
    space.left += reserved
    space.put(MORE, name)
    return name, text, space


# What goes in


def _content(draft: MessageDraft) -> str:
    content = draft.body or _stand_in(draft.media)
    size = len(_utf8(content, "body"))
    if size > CONTENT_LIMIT:
        raise LimitError(
            f"Message body parameter is too long: {size} bytes of UTF-8, and ACS takes {CONTENT_LIMIT} (28 KB)",
            code=50504,
        )
    return content


def _stand_in(media: Sequence[MediaRecord]) -> str:
    names = ", ".join(each.filename or each.content_type for each in media)
    return names[: CONTENT_LIMIT // LONGEST_CHARACTER] or NO_TEXT


def _ids(draft: MessageDraft, content: str) -> dict[str, str]:
    if len(draft.mutation_id) > MUTATION_ID_LIMIT or not draft.mutation_id.isascii():
        raise ArgumentError(f"A mutation id is at most {MUTATION_ID_LIMIT} ASCII characters")
    ids = {ID: draft.mutation_id} if draft.mutation_id else {}
    if not draft.body:
        ids[BODY] = ("n" if draft.body is None else "e") + _short_hash(content)
    return ids


def _shown(media: Sequence[MediaRecord], urls: Mapping[str, str]) -> dict[str, str]:
    return {HAS_ATTACHMENT: "true", ATTACHMENT_URL: urls[media[0].sid]} if media else {}


def _kept(draft: MessageDraft, content: Mapping[str, JSONValue] | None) -> dict[str, str]:
    """Return what must be read back, by key, as JSON."""
    kept = {}
    if draft.attributes != {}:
        kept[ATTRIBUTES] = _attributes(draft.attributes)
    if draft.media:
        kept[MEDIA] = _compact([_row(each) for each in draft.media])
    if draft.subject is not None:
        kept[SUBJECT] = _subject(draft.subject)
    if draft.content_sid is not None:
        kept[CONTENT_SID] = draft.content_sid
    if content:
        kept[CONTENT] = _compact(dict(content))
        _utf8(kept[CONTENT], "content template")
    return kept


def _attributes(attributes: JSONValue) -> str:
    try:
        text = _compact(attributes)
    except (TypeError, ValueError, RecursionError) as error:
        raise TwilsockUpstreamError(f"Attributes not valid JSON: {error}", code=50304) from error
    size = len(_utf8(text, "attributes"))
    if size > ATTRIBUTES_LIMIT:
        raise LimitError(
            f"Attributes too long: {size} bytes of JSON, and Twilio takes {ATTRIBUTES_LIMIT}", code=50303
        )
    return text


def _subject(subject: str) -> str:
    _utf8(subject, "subject")
    if len(subject) > SUBJECT_LIMIT:
        raise LimitError(
            f"Subject is too long: {len(subject)} characters, and Twilio takes {SUBJECT_LIMIT}", code=20422
        )
    return _compact(subject)


def _row(media: MediaRecord) -> list[JSONValue]:
    _utf8(media.filename or "", "file name")
    return [media.sid, media.content_type, media.size, media.filename, media.category]


def _file_list(media: Sequence[MediaRecord], urls: Mapping[str, str]) -> str:
    return _compact(
        [
            {
                "name": each.filename or each.content_type,
                "extension": PurePosixPath(each.filename or "").suffix.lstrip("."),
                "url": urls[each.sid],
                "id": each.sid,
                "attachmentType": "file",
            }
            for each in media
        ]
    )


def _compact(value: JSONValue) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _utf8(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ArgumentError(
            f"The {what} holds half of a surrogate pair at position {error.start}, which is no Unicode text"
        ) from error


# What comes out


def _body(content: str, mark: str) -> str | None:
    if mark[1:] != _short_hash(content):
        return content
    return {"n": None, "e": ""}.get(mark[0], content)


def _media(rows: JSONValue) -> tuple[MediaRecord, ...]:
    found = (_media_row(row) for row in rows) if isinstance(rows, list) else ()
    return tuple(record for record in found if record is not None)


def _media_row(row: JSONValue) -> MediaRecord | None:
    match row:
        case [
            str(sid),
            str(content_type),
            int(size),
            str() | None as filename,
            "media" | "body" | "history" as category,
        ]:
            return MediaRecord(
                sid=sid, content_type=content_type, size=size, filename=filename, category=category
            )
        case _:
            return None


def _own_links(metadata: Mapping[str, str], sids: Collection[str]) -> dict[str, str]:
    return {str(each["id"]): str(each["url"]) for each in _files(metadata) if str(each.get("id")) in sids}


def _linked_media(metadata: Mapping[str, str]) -> tuple[dict[str, str], tuple[MediaRecord, ...]]:
    """Return where the files that an ACS client links to are, and what they are; ids it gives them count for nothing."""
    files = _files(metadata)
    if not files and _is_link(metadata.get(ATTACHMENT_URL)):
        files = [{"url": metadata[ATTACHMENT_URL]}]
    records = {str(each["url"]): _linked_file(str(each["url"]), each.get("name")) for each in files}
    return {record.sid: url for url, record in records.items()}, tuple(records.values())


def _files(metadata: Mapping[str, str]) -> list[dict[str, JSONValue]]:
    listed = _loads(metadata.get(FILES))
    entries = listed if isinstance(listed, list) else []
    return [each for each in entries if isinstance(each, dict) and _is_link(each.get("url"))]


def _is_link(url: JSONValue) -> bool:
    """Tell an address on the web from what only looks like a file of ours, or runs as a script."""
    return isinstance(url, str) and url.lower().startswith(("https://", "http://"))


def _linked_file(url: str, name: JSONValue) -> MediaRecord:
    filename = name if isinstance(name, str) and name else _name_in(url)
    content_type = mimetypes.guess_type(filename or "")[0] or "application/octet-stream"
    return MediaRecord(sid=media_sid(url), content_type=content_type, size=0, filename=filename)


def _name_in(url: str) -> str | None:
    return unquote(url.partition("?")[0].partition("#")[0].rpartition("/")[2]) or None


def _strings(text: str | None) -> dict[str, str]:
    value = _loads(text)
    return (
        {key: each for key, each in value.items() if isinstance(each, str)} if isinstance(value, dict) else {}
    )


def _loads(text: str | None) -> JSONValue:
    try:
        value: JSONValue = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return None
    return value


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
