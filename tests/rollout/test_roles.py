"""Roles have the names that Twilio gives them, also while Twilio does not answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import cast

import pytest

from tests.rollout.clock import Clock
from tests.rollout.memory_documents import MemoryDocuments
from twilio_compat.account import AccountBackend, RoleDraft, RoleRecord
from twilio_compat.errors import ServiceUnavailableError
from twilio_compat.rollout.mirroring.roles import LASTS, RoleMap
from twilio_compat.rollout.sides import Sides
from twilio_compat.rollout.staging.stages import Side

MOMENT = datetime(2030, 1, 1, tzinfo=UTC)


def role(sid: str, name: str) -> RoleRecord:
    return RoleRecord(
        sid=sid,
        friendly_name=name,
        type="conversation",
        permissions=("sendMessage",),
        date_created=MOMENT,
        date_updated=MOMENT,
    )


@dataclass
class Roles:
    """The roles of one side."""

    known: list[RoleRecord]
    failure: Exception | None = None
    asked: int = 0
    made: list[RoleDraft] = field(default_factory=list)

    async def list(self) -> Sequence[RoleRecord]:
        self.asked += 1
        if self.failure is not None:
            raise self.failure
        return [*self.known]

    async def create(self, draft: RoleDraft) -> RoleRecord:
        self.made.append(draft)
        self.known.append(role(f"RLmade{len(self.made)}", draft.friendly_name))
        return self.known[-1]

    async def update(self, sid: str, permissions: Sequence[str]) -> RoleRecord:
        (place,) = [place for place, each in enumerate(self.known) if each.sid == sid]
        self.known[place] = replace(self.known[place], permissions=tuple(permissions))
        return self.known[place]


@dataclass
class Backend:
    roles: Roles
    documents: MemoryDocuments


class World:
    def __init__(self) -> None:
        self.documents = MemoryDocuments()
        self.clock = Clock()
        self.twilio = Roles([role("RLtwilio1", "channel user")])
        self.acs = Roles([role("RLacs1", "channel user")])

    def process(self) -> RoleMap:
        both = (Backend(each, self.documents) for each in (self.twilio, self.acs))
        twilio, acs = (cast(AccountBackend, each) for each in both)
        return RoleMap(Sides(twilio=twilio, acs=acs), clock=self.clock)


@pytest.fixture
def world() -> World:
    return World()


async def test_a_role_of_acs_is_called_as_at_twilio(world: World) -> None:
    roles = world.process()
    assert "RLtwilio1" == await roles.public(Side.ACS, "RLacs1")
    assert "RLacs1" == await roles.there(Side.ACS, "RLtwilio1")
    for sid in ("RLtwilio1", "", "RLunknown"):
        assert sid == await roles.public(Side.TWILIO, sid)
        assert sid == await roles.there(Side.TWILIO, sid)
    await roles.close()


async def test_one_that_acs_does_not_have_is_made_there(world: World) -> None:
    roles = world.process()
    await roles.public(Side.ACS, "RLacs1")
    world.twilio.known.append(role("RLtwilio2", "reader"))
    assert "RLmade1" == await roles.there(Side.ACS, "RLtwilio2")
    assert "RLmade1" == await roles.there(Side.ACS, "RLtwilio2")
    assert 1 == len(world.acs.made)
    await roles.close()


async def test_while_twilio_does_not_answer_roles_are_called_as_before_by_every_process(
    world: World,
) -> None:
    first = world.process()
    await first.public(Side.ACS, "RLacs1")
    world.twilio.failure = ServiceUnavailableError("Twilio is down")
    second = world.process()
    for roles in (first, second):
        assert "RLtwilio1" == await roles.public(Side.ACS, "RLacs1")
        assert "RLacs1" == await roles.there(Side.ACS, "RLtwilio1")
        await roles.close()


async def test_where_twilio_never_answered_roles_are_called_as_on_acs(world: World) -> None:
    world.twilio.failure = ServiceUnavailableError("Twilio is down")
    roles = world.process()
    assert "RLacs1" == await roles.public(Side.ACS, "RLacs1")
    assert "RLacs1" == await roles.there(Side.ACS, "RLacs1")
    await roles.close()


async def test_roles_are_read_anew_off_the_callers_path(world: World) -> None:
    roles = world.process()
    await roles.public(Side.ACS, "RLacs1")
    world.twilio.known[0] = role("RLtwilio9", "channel user")
    world.clock.move(LASTS + 1)
    assert "RLtwilio1" == await roles.public(Side.ACS, "RLacs1")
    for _ in range(5):
        await asyncio.sleep(0)
    assert "RLtwilio9" == await roles.public(Side.ACS, "RLacs1")
    await roles.close()


async def test_a_role_allows_on_acs_what_it_allows_at_twilio(world: World) -> None:
    world.twilio.known[0] = replace(world.twilio.known[0], permissions=("sendMessage", "addParticipant"))
    roles = world.process()
    await roles.public(Side.ACS, "RLacs1")
    assert ("sendMessage", "addParticipant") == world.acs.known[0].permissions
    await roles.close()
