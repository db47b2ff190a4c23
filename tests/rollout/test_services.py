"""Each service of the account is on its way by itself, under the sid that Twilio gave it."""

from __future__ import annotations

from tests.rollout.deployment import RolloutDeployment, drained, listed, moved, on_side, room, send
from tests.support.waiting import eventually
from twilio_compat.rollout.backend import RolloutBackend
from twilio_compat.rollout.staging.stages import Side, Stage


async def test_a_service_of_twilio_is_made_on_acs_when_it_is_used_and_moves_alone(
    deployment: RolloutDeployment,
) -> None:
    root = deployment.open("dualwrite")
    service = await root.services.create("a tenant")
    tenant = await root.of(service.sid)
    assert tenant is await root.of(service.sid)
    here, there = await room(tenant, "bob", unique_name="same"), await room(root, "bob", unique_name="same")
    await moved(tenant, here.sid, Stage.LIVE)
    sent = await send(tenant, here.sid, "on ACS")
    await drained(tenant, here.sid)
    for side in Side:
        assert [(0, sent.sid, "on ACS")] == await on_side(tenant, here.sid, side)
    assert [] == await listed(root, there.sid)


async def test_the_kill_switch_of_the_account_counts_in_all_services(deployment: RolloutDeployment) -> None:
    root = deployment.open("live")
    tenant = await root.of((await root.services.create("a tenant")).sid)
    made = await room(tenant, "bob")
    sent = await send(tenant, made.sid, "kept")
    await root.shared.switch.kill("a test")
    await eventually(lambda: is_off(tenant, made.sid))
    assert [(sent.sid, "kept")] == [(each.sid, each.body) for each in await listed(tenant, made.sid)]


async def is_off(backend: RolloutBackend, sid: str) -> bool:
    return (await backend.office.pins.of(await backend.office.target(sid))).stage is Stage.OFF
