"""Who is to be called is known without asking, and known anew soon after it changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from tests.webhooks.clock import Clock
from tests.webhooks.samples import document
from twilio_compat.account import Document
from twilio_compat.errors import ServiceUnavailableError
from twilio_compat.records import JSONObject
from twilio_compat.webhooks import events
from twilio_compat.webhooks.configuration import (
    ACCOUNT,
    KIND,
    SCOPED,
    SERVICE,
    WebhookConfiguration,
    from_configuration,
    scoped_kind,
)
from twilio_compat.webhooks.switchboard import FRESH, Switchboard


class Papers:
    """Documents that count how often they are read, and that may be out of reach."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], JSONObject] = {}
        self.readings = 0
        self.is_down = False

    async def list(self, kind: str) -> Sequence[Document]:
        self._read()
        return [document(each, name, content) for (each, name), content in self.found.items() if each == kind]

    async def get(self, kind: str, name: str) -> Document | None:
        self._read()
        content = self.found.get((kind, name))
        return None if content is None else document(kind, name, content)

    async def put(self, kind: str, name: str, content: JSONObject) -> Document:
        raise NotImplementedError

    async def change(
        self, kind: str, name: str, change: Callable[[JSONObject | None], JSONObject]
    ) -> Document:
        raise NotImplementedError

    async def delete(self, kind: str, name: str) -> bool:
        raise NotImplementedError

    def _read(self) -> None:
        self.readings += 1
        if self.is_down:
            raise ServiceUnavailableError("The store does not answer")


@pytest.fixture
def papers() -> Papers:
    return Papers()


@pytest.fixture
def switchboard(papers: Papers, clock: Clock) -> Switchboard:
    return Switchboard(papers, papers, clock=clock.monotonic)


def calling(url: str) -> JSONObject:
    return from_configuration(WebhookConfiguration(post_webhook_url=url, filters=("onMessageAdded",)))


async def urls(switchboard: Switchboard, conversation_sid: str | None = "CH1") -> list[str]:
    return [each.url for each in await switchboard.told(events.MESSAGE_ADDED, conversation_sid, "hi")]


async def test_without_webhooks_a_thousand_changes_take_one_reading_a_second(
    papers: Papers, switchboard: Switchboard, clock: Clock
) -> None:
    for _ in range(1000):
        assert [] == await urls(switchboard)
    assert 1 == papers.readings
    clock.advance(FRESH)
    await urls(switchboard)
    assert 2 == papers.readings


async def test_what_another_process_has_changed_is_known_after_a_second(
    papers: Papers, switchboard: Switchboard, clock: Clock
) -> None:
    await urls(switchboard)
    papers.found[KIND, ACCOUNT] = calling("http://new")
    assert [] == await urls(switchboard)
    clock.advance(FRESH)
    assert ["http://new"] == await urls(switchboard)


async def test_what_this_process_has_changed_is_known_at_once(
    papers: Papers, switchboard: Switchboard
) -> None:
    await urls(switchboard)
    papers.found[KIND, ACCOUNT] = calling("http://new")
    switchboard.forget()
    assert ["http://new"] == await urls(switchboard)


async def test_a_store_that_fails_leaves_what_was_known(
    papers: Papers, switchboard: Switchboard, clock: Clock
) -> None:
    papers.is_down = True
    with pytest.raises(ServiceUnavailableError):
        await switchboard.hooks()
    papers.is_down = False
    papers.found[KIND, ACCOUNT] = calling("http://known")
    await switchboard.hooks()
    papers.is_down = True
    clock.advance(FRESH)
    assert ["http://known"] == await urls(switchboard)


async def test_another_service_has_the_account_s_webhooks_unless_it_has_its_own(clock: Clock) -> None:
    root, own = Papers(), Papers()
    root.found[KIND, ACCOUNT] = calling("http://account")
    root.found[KIND, SERVICE] = calling("http://default service")
    switchboard = Switchboard(root, own, clock=clock.monotonic)
    assert ["http://account"] == await urls(switchboard)
    own.found[KIND, SERVICE] = calling("http://own")
    clock.advance(FRESH)
    assert ["http://own"] == await urls(switchboard)


async def test_webhooks_of_conversations_are_looked_for_only_where_there_are_any(
    papers: Papers, switchboard: Switchboard, clock: Clock
) -> None:
    papers.found[scoped_kind("CH1"), "WH1"] = {
        "target": "webhook",
        "url": "http://scoped",
        "method": "POST",
        "filters": ["onMessageAdded"],
        "triggers": [],
        "flow_sid": None,
        "replay_after": None,
    }
    assert [] == await urls(switchboard)
    papers.found[KIND, SCOPED] = {}
    switchboard.forget()
    assert ["http://scoped"] == await urls(switchboard)
    assert [] == await urls(switchboard, "CH2")
    assert [] == await urls(switchboard, None)
    found = await switchboard.find("WH1", "CH1")
    assert found is not None
    assert "http://scoped" == found.url
