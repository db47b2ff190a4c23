"""Whatever Twilio allows in a message comes back from ACS, within the budget."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acs_backend import message_codec as codec
from acs_backend.sids import media_sid
from twilio_compat.errors import ArgumentError, ConfigurationError, LimitError, TwilsockUpstreamError
from twilio_compat.records import JSONValue, MediaRecord, MessageDraft

texts = st.text(max_size=300)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)
media_records = st.builds(
    MediaRecord,
    sid=st.integers(0, 10**6).map(lambda number: media_sid(str(number))),
    content_type=st.sampled_from(["image/png", "text/plain; charset=utf-8", "x"]),
    size=st.integers(0, 150 * 2**20),
    filename=st.none() | st.text(max_size=60),
    category=st.sampled_from(["media", "body", "history"]),
)
drafts = st.builds(
    MessageDraft,
    mutation_id=st.text("0123456789abcdef-", min_size=1, max_size=64),
    body=st.none() | texts,
    attributes=json_values,
    subject=st.none() | st.text(max_size=256),
    media=st.lists(media_records, max_size=10).map(tuple),
    content_sid=st.none() | st.just("HX" + "0" * 32),
)
contents = st.dictionaries(st.text(max_size=10), json_values, max_size=3)


def urls_of(draft: MessageDraft) -> dict[str, str]:
    return {each.sid: f"https://files.example/{each.sid}?sig=" + "s" * 200 for each in draft.media}


def size_of(metadata: dict[str, str]) -> int:
    return sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items())


@given(drafts, contents, st.integers(codec.SMALLEST_BUDGET, 4096))
def test_a_message_comes_back_as_it_went(
    draft: MessageDraft, content: dict[str, JSONValue], budget: int
) -> None:
    encoded = codec.encode(draft, urls_of(draft), budget=budget, content=content)
    decoded = codec.decode(encoded.content, encoded.metadata, encoded.overflow)
    assert (draft.body, draft.attributes, draft.subject, draft.media, draft.mutation_id) == (
        decoded.body,
        decoded.attributes,
        decoded.subject,
        decoded.media,
        decoded.mutation_id,
    )
    assert (draft.content_sid, content) == (decoded.content_sid, decoded.content)


@given(drafts, st.integers(codec.SMALLEST_BUDGET, 4096))
def test_the_budget_holds_and_content_is_never_empty(draft: MessageDraft, budget: int) -> None:
    encoded = codec.encode(draft, urls_of(draft), budget=budget)
    assert size_of(encoded.metadata) <= budget
    assert encoded.content
    assert all(encoded.metadata.values())
    assert encoded.metadata[codec.ID] == draft.mutation_id


@given(drafts, st.integers(codec.SMALLEST_BUDGET, 4096))
def test_an_overflow_is_named_in_the_metadata_exactly_when_there_is_one(
    draft: MessageDraft, budget: int
) -> None:
    encoded = codec.encode(draft, urls_of(draft), budget=budget)
    assert encoded.overflow_id == codec.overflow_id(encoded.metadata)
    assert (encoded.overflow is None) == (encoded.overflow_id is None)


@given(
    st.text(),
    st.dictionaries(st.sampled_from(sorted(codec.OWN_KEYS)) | st.text(), st.text()),
    st.none() | st.text(),
)
def test_reading_never_fails_whatever_an_acs_client_wrote(
    content: str, metadata: dict[str, str], overflow: str | None
) -> None:
    codec.decode(content, metadata, overflow)


@given(drafts, drafts)
def test_an_edit_through_the_merging_patch_leaves_what_a_new_message_would_have(
    before: MessageDraft, after: MessageDraft
) -> None:
    old = codec.encode(before, urls_of(before), budget=1024).metadata | {"theirs": "kept"}
    new = codec.encode(after, urls_of(after), budget=1024).metadata
    merged = {key: value for key, value in (old | codec.metadata_patch(old, new)).items() if value}
    assert new | {"theirs": "kept"} == merged


def test_clients_written_for_acs_see_the_attachment() -> None:
    photo = MediaRecord(sid=media_sid("1"), content_type="image/png", size=4, filename="a photo.PNG")
    draft = MessageDraft(mutation_id="m", media=(photo,))
    encoded = codec.encode(draft, {photo.sid: "https://files.example/1"}, budget=1024)
    assert "a photo.PNG" == encoded.content
    assert ("true", "https://files.example/1") == (
        encoded.metadata["hasAttachment"],
        encoded.metadata["attachmentUrl"],
    )
    assert [
        {
            "name": "a photo.PNG",
            "extension": "PNG",
            "url": "https://files.example/1",
            "id": photo.sid,
            "attachmentType": "file",
        }
    ] == json.loads(encoded.metadata["fileSharingMetadata"])


def test_attributes_are_shown_before_the_list_of_files_when_room_is_short() -> None:
    photo = MediaRecord(sid=media_sid("1"), content_type="image/png", size=4, filename="p.png")
    draft = MessageDraft(mutation_id="m", body="b", attributes={"a": "x" * 300}, media=(photo,))
    encoded = codec.encode(draft, {photo.sid: "https://f/" + "s" * 200}, budget=720)
    assert [codec.ID, codec.HAS_ATTACHMENT, codec.ATTACHMENT_URL, codec.ATTRIBUTES, codec.MEDIA] == list(
        encoded.metadata
    )
    assert encoded.overflow is None


def test_attributes_have_room_before_a_template() -> None:
    draft = MessageDraft(mutation_id="m", body="b", attributes={"a": "x" * 60}, content_sid="HX" + "0" * 32)
    content: dict[str, JSONValue] = {"twilio/text": {"body": "y" * 200}}
    encoded = codec.encode(draft, {}, budget=300, content=content)
    assert {codec.ID, codec.MORE, codec.ATTRIBUTES, codec.CONTENT_SID} == encoded.metadata.keys()
    assert {codec.CONTENT} == json.loads(encoded.overflow or "").keys()


def test_a_body_follows_the_content_that_an_acs_client_puts_in_its_place() -> None:
    encoded = codec.encode(MessageDraft(mutation_id="m", body=None), {}, budget=1024)
    assert "now there is text" == codec.decode("now there is text", encoded.metadata).body


def test_a_message_from_an_acs_client_is_its_content() -> None:
    decoded = codec.decode("<p>hi</p>", {"theirs": "1"})
    assert codec.DecodedMessage(body="<p>hi</p>") == decoded


def test_files_that_an_acs_client_shares_are_media_with_links() -> None:
    shared = json.dumps([{"name": "plan.pdf", "extension": "pdf", "url": "https://f.example/1"}])
    decoded = codec.decode("see file", {"fileSharingMetadata": shared})
    sid = media_sid("https://f.example/1")
    assert (
        MediaRecord(sid=sid, content_type="application/pdf", size=0, filename="plan.pdf"),
    ) == decoded.media
    assert {sid: "https://f.example/1"} == decoded.links


def test_the_attachment_of_microsofts_guide_is_media_too() -> None:
    metadata = {"hasAttachment": "true", "attachmentUrl": "https://contoso.com/files/attachment.docx?v=1"}
    assert ["attachment.docx"] == [each.filename for each in codec.decode("x", metadata).media]


@pytest.mark.parametrize(
    ("changes", "error", "code"),
    [
        ({"body": "ä" * (codec.CONTENT_LIMIT // 2 + 1)}, LimitError, 50504),
        ({"attributes": {"a": "x" * codec.ATTRIBUTES_LIMIT}}, LimitError, 50303),
        ({"attributes": {"a": float("nan")}}, TwilsockUpstreamError, 50304),
        ({"attributes": {"a": object()}}, TwilsockUpstreamError, 50304),
        ({"subject": "s" * 257}, LimitError, 20422),
    ],
)
def test_what_cannot_fit_is_refused_with_twilios_code(
    changes: dict[str, JSONValue], error: type[TwilsockUpstreamError], code: int
) -> None:
    draft = dataclasses.replace(MessageDraft(mutation_id="m", body="b"), **changes)
    with pytest.raises(error) as caught:
        codec.encode(draft, {}, budget=1024)
    assert code == caught.value.code


def test_a_body_of_exactly_the_limit_fits() -> None:
    body = "x" * codec.CONTENT_LIMIT
    assert body == codec.encode(MessageDraft(mutation_id="m", body=body), {}, budget=1024).content


@pytest.mark.parametrize(
    "changes", [{"body": "\ud800"}, {"subject": "\udfff"}, {"attributes": {"a": "\ud83d"}}]
)
def test_half_a_surrogate_pair_is_refused(changes: dict[str, JSONValue]) -> None:
    draft = dataclasses.replace(MessageDraft(mutation_id="m", body="b"), **changes)
    with pytest.raises(ArgumentError, match="surrogate"):
        codec.encode(draft, {}, budget=1024)


def test_a_budget_that_holds_nothing_is_a_faulty_setting() -> None:
    with pytest.raises(ConfigurationError, match="metadata_budget"):
        codec.encode(MessageDraft(mutation_id="m", body="b"), {}, budget=100)


def test_the_links_of_an_own_message_can_be_read_without_the_store() -> None:
    photo = MediaRecord(sid=media_sid("1"), content_type="image/png", size=4, filename="p.png")
    encoded = codec.encode(
        MessageDraft(mutation_id="m", media=(photo,)), {photo.sid: "https://f/1"}, budget=1024
    )
    assert {photo.sid: "https://f/1"} == codec.decode(encoded.content, encoded.metadata).links


def test_a_media_sid_that_an_acs_client_claims_is_not_believed() -> None:
    shared = json.dumps([{"url": "https://evil.example/1", "id": media_sid("somebody else's")}])
    decoded = codec.decode("x", {"fileSharingMetadata": shared})
    assert [media_sid("https://evil.example/1")] == [each.sid for each in decoded.media]


@pytest.mark.parametrize(
    "url",
    [
        "private/salaries.csv",
        "../other/x",
        "//evil.example/1",
        "javascript:alert(1)",
        "file:///etc/passwd",
        5,
    ],
)
def test_what_is_no_address_on_the_web_is_no_file(url: JSONValue) -> None:
    sid = media_sid("claimed")
    shared = {codec.FILES: json.dumps([{"url": url, "id": sid}]), codec.ATTACHMENT_URL: str(url)}
    claimed = {codec.ID: "m", codec.MEDIA: json.dumps([[sid, "a/b", 1, None, "media"]])}
    assert () == codec.decode("x", shared).media
    assert {} == codec.decode("x", shared | claimed).links


def test_the_scheme_of_a_link_is_written_in_any_case() -> None:
    (file,) = codec.decode("x", {codec.ATTACHMENT_URL: "HTTPS://f.example/plan.pdf"}).media
    assert "plan.pdf" == file.filename


def test_file_names_that_are_longer_than_a_message_are_no_reason_to_refuse_it() -> None:
    media = tuple(
        MediaRecord(sid=media_sid(str(each)), content_type="a/b", size=1, filename="\U0001f600" * 10_240)
        for each in range(10)
    )
    encoded = codec.encode(
        MessageDraft(mutation_id="m", body=None, media=media),
        {each.sid: "https://f/" for each in media},
        budget=1024,
    )
    assert codec.CONTENT_LIMIT >= len(encoded.content.encode())
    decoded = codec.decode(encoded.content, encoded.metadata, encoded.overflow)
    assert (None, media) == (decoded.body, decoded.media)
