"""The resource: its keys, and what survives a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from acs_emulator.journal import DataError, FileJournal
from acs_emulator.options import Options
from tests.acs_emulator.support import User, World, make_world, participant


async def read_everything(user: User, thread: str) -> list[object]:
    """Read all that a member can."""
    path = f"/chat/threads/{thread}"
    lists = [
        await user.all_pages(each)
        for each in (f"{path}/messages", f"{path}/participants", f"{path}/readReceipts")
    ]
    return [(await user.get(path)).json(), await user.all_pages("/chat/threads"), *lists]


async def fill(world: World) -> tuple[User, str]:
    """Make a thread with one of everything in it."""
    ann, bob, cat = await world.user(), await world.user(), await world.user()
    body = {
        "topic": "t",
        "participants": [participant(bob.id, displayName="Bob", metadata={"m": "1"})],
        "metadata": {"k": "v"},
        "retentionPolicy": {"kind": "none"},
    }
    made = await ann.post("/chat/threads", body, **{"repeatability-request-id": "once"})
    thread = made.json()["chatThread"]["id"]
    sent = [await ann.send(thread, str(number), metadata={"n": str(number)}) for number in range(12)]
    path = f"/chat/threads/{thread}"
    await ann.patch(f"{path}/messages/{sent[3]}", {"content": "edited"})
    await ann.delete(f"{path}/messages/{sent[5]}")
    await ann.post(f"{path}/participants/:add", {"participants": [participant(cat.id)]})
    await ann.post(f"{path}/participants/:remove", {"rawId": cat.id})
    await bob.post(f"{path}/readReceipts", {"chatMessageId": sent[7]})
    deleted = await world.thread(ann)
    await ann.delete(f"/chat/threads/{deleted}")
    await world.identity("POST", f"/identities/{bob.id}/:revokeAccessTokens")
    return ann, thread


async def test_everything_survives_a_restart(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    world = make_world(journal=journal)
    ann, thread = await fill(world)
    before = await read_everything(ann, thread)
    bob = next(each for each in world.service.state.users if each != ann.id)
    journal.close()
    await world.http.aclose()

    journal = FileJournal(tmp_path)
    again = make_world(journal=journal, seed=99)
    ann = User(again, ann.id, ann.token)
    assert await read_everything(ann, thread) == before
    assert again.service.access_key == world.service.access_key
    repeated = await ann.post("/chat/threads", {"topic": "x"}, **{"repeatability-request-id": "once"})
    assert repeated.json()["chatThread"]["id"] == thread
    assert again.service.state.users[bob].revocations + again.service.state.users[ann.id].revocations == 1

    last = max(int(each["id"]) for each in await ann.messages(thread))
    assert int(await ann.send(thread)) > last
    journal.close()
    await again.http.aclose()


def test_the_access_key_is_kept_with_the_data_unless_another_is_given(tmp_path: Path) -> None:
    keys, resources = [], []
    for seed, given in enumerate([None, None, "Z2l2ZW4=", None]):
        journal = FileJournal(tmp_path)
        service = make_world(Options(access_key=given), journal=journal, seed=seed).service
        keys.append(service.access_key)
        resources.append(service.resource.id)
        journal.close()
    assert keys == [keys[0], keys[0], "Z2l2ZW4=", "Z2l2ZW4="]
    assert len(set(resources)) == 1


async def test_what_could_not_be_kept_did_not_happen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = FileJournal(tmp_path)
    world = make_world(journal=journal)
    async with world.http:
        ann = await world.user()
        thread = await world.thread(ann)
        before = await read_everything(ann, thread)
        journal.close()
        answer = await ann.post(f"/chat/threads/{thread}/messages", {"content": "lost"})
        assert (answer.status_code, "Cannot operate on a closed database" in caplog.text) == (500, True)
        assert await read_everything(ann, thread) == before


def test_rows_that_make_no_sense_are_refused_with_a_text(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    with journal.transaction() as write:
        write.put("users", "x", {"id": "x", "colour": "blue"})
    with pytest.raises(DataError, match="the users in the data directory do not fit"):
        make_world(journal=journal)
    journal.close()
