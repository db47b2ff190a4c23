from __future__ import annotations

import pytest

from tests.acs_backend.deployment import Deployment, sign_in
from twilio_compat.errors import ArgumentError


@pytest.mark.parametrize("registration_id", ["a\0b", "\ud800"])
async def test_a_device_that_no_text_names_is_refused(deployment: Deployment, registration_id: str) -> None:
    backend = deployment.backend()
    (alice,) = await sign_in(backend, "alice")
    for change in (backend.push_registrations.create, backend.push_registrations.delete):
        with pytest.raises(ArgumentError, match="A registration id is Unicode text without NUL"):
            await change(alice, "fcm", registration_id)
