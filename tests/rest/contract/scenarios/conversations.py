"""Conversations."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from tests.rest.contract.stage import Stage, scenario


@scenario
def a_conversation_with_nothing_set(stage: Stage) -> None:
    made = stage.note("made", stage.api.conversations.create())
    assert re.fullmatch("CH[0-9a-f]{32}", made.sid)
    assert (stage.account_sid, stage.service_sid) == (made.account_sid, made.chat_service_sid)
    assert (None, None, "{}", "active", {}) == (
        *(made.friendly_name, made.unique_name, made.attributes, made.state, made.timers),
    )
    assert isinstance(made.date_created, datetime)
    assert made.date_created == made.date_updated
    assert {"participants", "messages", "webhooks"} == set(made.links)
    assert made.url.endswith(f"{stage.path}/Conversations/{made.sid}")
    assert made.links["messages"] == f"{made.url}/Messages"


@scenario
def a_conversation_from_its_making_to_its_end(stage: Stage) -> None:
    made = stage.note(
        "made",
        stage.api.conversations.create(
            friendly_name="Support", unique_name="case 42", attributes='{"priority": "high"}'
        ),
    )
    assert ("Support", "case 42", '{"priority": "high"}') == (
        *(made.friendly_name, made.unique_name, made.attributes),
    )
    fetched = stage.note("by sid", stage.api.conversations(made.sid).fetch())
    by_name = stage.note("by its unique name", stage.api.conversations("case 42").fetch())
    assert made.sid == fetched.sid == by_name.sid
    changed = stage.note(
        "changed",
        stage.api.conversations(made.sid).update(friendly_name="Solved", attributes='{"priority": "low"}'),
    )
    assert ("Solved", "case 42", '{"priority": "low"}') == (
        *(changed.friendly_name, changed.unique_name, changed.attributes),
    )
    assert changed.date_created == made.date_created
    by_name = stage.note(
        "changed by its unique name", stage.api.conversations("case 42").update(unique_name="case 43")
    )
    assert "case 43" == by_name.unique_name
    assert stage.note("deleted", stage.api.conversations(made.sid).delete()) is True
    path = f"/Conversations/{made.sid}"
    stage.not_found("fetched once it is gone", path, stage.api.conversations(made.sid).fetch)
    stage.not_found("changed once it is gone", path, stage.api.conversations(made.sid).update)
    stage.not_found("deleted twice", path, stage.api.conversations(made.sid).delete)


@scenario
def an_instance_does_what_its_context_does(stage: Stage) -> None:
    made = stage.note("made", stage.api.conversations.create(friendly_name="Room"))
    assert "Hall" == stage.note("changed", made.update(friendly_name="Hall")).friendly_name
    assert "Hall" == stage.note("fetched", made.fetch()).friendly_name
    assert 0 == made.messages.create(body="Hello").index
    assert ["bob"] == [made.participants.create(identity="bob").identity]
    assert stage.note("deleted", made.delete()) is True


@scenario
def a_unique_name_that_is_taken(stage: Stage) -> None:
    first = stage.api.conversations.create(unique_name="taken")
    refusal = stage.refused("made with it", stage.api.conversations.create, unique_name="taken")
    assert (409, 50353) == (refusal.status, refusal.code)
    assert "Unable to create record: Conversation with provided unique name already exists" == refusal.text
    other = stage.api.conversations.create()
    refusal = stage.refused("changed to it", stage.api.conversations(other.sid).update, unique_name="taken")
    assert (409, 50353) == (refusal.status, refusal.code)
    stage.api.conversations(first.sid).delete()
    again = stage.note("made when it is free", stage.api.conversations.create(unique_name="taken"))
    assert first.sid != again.sid


@scenario
def a_unique_name_that_looks_like_a_sid(stage: Stage) -> None:
    refusal = stage.refused("made", stage.api.conversations.create, unique_name="CH" + "0" * 32)
    assert (400, 50390) == (refusal.status, refusal.code)


@scenario
def conversations_that_are_not_there(stage: Stage) -> None:
    unknown = "CH" + "0" * 32
    room = stage.api.conversations(unknown)
    stage.not_found("fetched", f"/Conversations/{unknown}", room.fetch)
    stage.not_found("by a unique name", "/Conversations/nowhere", stage.api.conversations("nowhere").fetch)
    stage.not_found("its messages", f"/Conversations/{unknown}/Messages", room.messages.list)
    stage.not_found("a message to it", f"/Conversations/{unknown}/Messages", room.messages.create)
    stage.not_found("its members", f"/Conversations/{unknown}/Participants", room.participants.list)
    stage.not_found("its webhooks", f"/Conversations/{unknown}/Webhooks", room.webhooks.list)


@scenario
def attributes_are_text_that_is_json(stage: Stage) -> None:
    for text in ('{ "spaces" : [1, 2.50, "é"] }', '"text"', "17", "null", "[]"):
        made = stage.note(text, stage.api.conversations.create(attributes=text))
        fetched = stage.api.conversations(made.sid).fetch()
        assert json.loads(text) == json.loads(made.attributes) == json.loads(fetched.attributes)
    refusal = stage.refused("no JSON", stage.api.conversations.create, attributes="{'single': 1}")
    assert (400, 50304) == (refusal.status, refusal.code)
    refusal = stage.refused("too long", stage.api.conversations.create, attributes=f'"{"a" * 16385}"')
    assert (400, 50303) == (refusal.status, refusal.code)


@scenario
def names_that_are_too_long(stage: Stage) -> None:
    made = stage.api.conversations.create(friendly_name="a" * 256, unique_name="b" * 256)
    assert ("a" * 256, "b" * 256) == (made.friendly_name, made.unique_name)
    refusal = stage.refused("friendly", stage.api.conversations.create, friendly_name="a" * 257)
    assert (400, 50003) == (refusal.status, refusal.code)
    refusal = stage.refused("unique", stage.api.conversations.create, unique_name="c" * 257)
    assert (400, 50004) == (refusal.status, refusal.code)


@scenario
def states_and_the_end_of_all_of_them(stage: Stage) -> None:
    made = stage.note("made inactive", stage.api.conversations.create(state="inactive"))
    assert "inactive" == made.state
    room = stage.api.conversations(made.sid)
    assert "active" == stage.note("active", room.update(state="active")).state
    refusal = stage.refused("in no state", room.update, state="asleep")
    assert (400, 50378) == (refusal.status, refusal.code)
    assert "closed" == stage.note("closed", room.update(state="closed")).state
    assert "closed" == room.fetch().state
    refusal = stage.refused("opened again", room.update, state="active")
    assert 50377 == refusal.code
    refusal = stage.refused("written to", room.messages.create, body="Too late")
    assert 50377 == refusal.code
    assert room.delete() is True


@scenario
def timers_say_when_they_run_out(stage: Stage) -> None:
    made = stage.note("made", stage.api.conversations.create(timers_inactive="PT1H", timers_closed="P3D"))
    assert {"date_inactive", "date_closed"} == set(made.timers)
    inactive, closed = (
        datetime.fromisoformat(made.timers[each]) for each in ("date_inactive", "date_closed")
    )
    assert 3600 == (inactive - made.date_created).total_seconds()
    assert 3 * 24 * 3600 == (closed - made.date_created).total_seconds()
    changed = stage.note("changed", stage.api.conversations(made.sid).update(timers_inactive="PT2H"))
    assert (
        2 * 3600 >= (datetime.fromisoformat(changed.timers["date_inactive"]) - inactive).total_seconds() > 0
    )
    for timers, code in (
        ({"timers_inactive": "PT59S"}, 50375),
        ({"timers_closed": "PT9M"}, 50376),
        ({"timers_inactive": "an hour"}, 50379),
        ({"timers_closed": "10"}, 50380),
    ):
        refusal = stage.refused(str(timers), stage.api.conversations.create, **timers)
        assert (400, code) == (refusal.status, refusal.code)


@scenario
def a_conversation_that_is_imported_keeps_its_dates(stage: Stage) -> None:
    then, later = datetime(2020, 5, 17, 12, 0, 0, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)
    made = stage.note("made", stage.api.conversations.create(date_created=then, date_updated=later))
    assert (then, later) == (made.date_created, made.date_updated)
    again = stage.api.conversations(made.sid).fetch()
    assert (then, later) == (again.date_created, again.date_updated)


@scenario
def conversations_in_pages(stage: Stage) -> None:
    made = [stage.api.conversations.create(friendly_name=f"Room {number}").sid for number in range(5)]
    assert sorted(made) == sorted(each.sid for each in stage.api.conversations.list())
    assert 3 == len(stage.api.conversations.list(limit=3))
    assert 5 == len(stage.api.conversations.list(limit=1000))
    assert sorted(made) == sorted(each.sid for each in stage.api.conversations.list(page_size=2))
    page = stage.note("first page", stage.api.conversations.page(page_size=2))
    sizes = []
    while page is not None:
        sizes.append(len(list(page)))
        page = page.next_page()
    assert [2, 2, 1] == sizes
    assert sorted(made) == sorted(each.sid for each in stage.api.conversations.stream(page_size=3))


@scenario
def conversations_by_state_and_by_when_they_were_made(stage: Stage) -> None:
    old = stage.api.conversations.create(date_created=datetime(2020, 5, 17, tzinfo=UTC))
    new = stage.api.conversations.create(state="inactive")
    assert [new.sid] == [each.sid for each in stage.api.conversations.list(state="inactive")]
    assert [old.sid] == [each.sid for each in stage.api.conversations.list(state="active")]
    assert [] == stage.api.conversations.list(state="closed")
    until = stage.api.conversations.list(end_date="2020-05-17T23:59:59Z")
    since = stage.api.conversations.list(start_date="2020-05-18T00:00:00Z")
    assert [[old.sid], [new.sid]] == [[each.sid for each in found] for found in (until, since)]
    stage.note("until a day", until)


@scenario
def a_conversation_with_its_members_at_once(stage: Stage) -> None:
    made = stage.note(
        "made",
        stage.api.conversation_with_participants.create(
            friendly_name="Team", participant=['{"identity": "alice"}', '{"identity": "bob"}']
        ),
    )
    members = stage.api.conversations(made.sid).participants.list()
    assert ["alice", "bob"] == sorted(each.identity for each in members)
    before = len(stage.api.conversations.list())
    refusal = stage.refused(
        "a member that is no JSON", stage.api.conversation_with_participants.create, participant=["bob"]
    )
    assert 400 == refusal.status
    many = [f'{{"identity": "member {number}"}}' for number in range(11)]
    refusal = stage.refused("too many", stage.api.conversation_with_participants.create, participant=many)
    assert 50426 == refusal.code
    assert before == len(stage.api.conversations.list())
