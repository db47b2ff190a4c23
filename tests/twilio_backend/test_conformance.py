"""The scripts that Twilio's own client was measured with, played on a face over Twilio's REST API.

What comes out differently is listed, with the reason, and nothing else may. Whole seconds are what REST tells times in, so
whether a date moved is left out of the comparison.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

import pytest

from tests.conformance import player
from tests.conformance.player import Player
from tests.conformance.script import SCRIPTS, load
from tests.support.twilio_stand_in import twilio_stand_in
from tests.twilio_backend.deployment import Deployment
from twilio_compat import ClientOptions

TYPING = "REST cannot tell others that somebody types"
ONE_FILE = "REST takes one file with a message"
NO_READERS = "REST counts who has read a message, and does not name them"
NO_EDITOR = "REST does not say who changed a message last, nor what its subject is"
SLOW_PROFILES = "the profiles of others are looked at with each sweep alone"
NO_DEVICES = "REST cannot note a device"
UNREACHABLE = "Twilio's Content API is not stood in for"

DIFFERENCES: Mapping[str, str] = {
    "its limits": ONE_FILE,
    "changing one's own attributes": SLOW_PROFILES,
    "the user has another name": SLOW_PROFILES,
    "what a message says": NO_EDITOR,
    "changing the attributes of a message": NO_EDITOR,
    "editing a text": NO_EDITOR,
    "the message is edited": NO_EDITOR,
    "read by nobody yet": NO_READERS,
    "bob reads it": NO_READERS,
    "receipts after it was read": NO_READERS,
    "a mail with a file": ONE_FILE,
    "bob has the mail": ONE_FILE,
    "files by category": ONE_FILE,
    "files by category, under the old name": ONE_FILE,
    "the body of the mail": ONE_FILE,
    "the history of the mail": ONE_FILE,
    "URLs of some files, from the message": ONE_FILE,
    "URLs of some sids, from the message": ONE_FILE,
    "URLs of some files, from the client": ONE_FILE,
    "URLs of some sids, from the client": ONE_FILE,
    "URLs of all files under the old name": ONE_FILE,
    "its author finds it": ONE_FILE,
    "gone for everyone": ONE_FILE,
    "a device of the user": NO_DEVICES,
    "the templates there are": UNREACHABLE,
    "bob types": TYPING,
    "bob stops typing": TYPING,
    "the member types": TYPING,
    "the member stops typing": TYPING,
}
"""Steps that end otherwise than with Twilio's client, and why."""

UNORDERED = frozenset({"all members", "the participants"})
"""Steps that tell an order which within one second is not known."""


def compared(outcome: object) -> str:
    """Return what is compared of what came of a step."""
    text = json.dumps(outcome, sort_keys=True, default=str)
    return re.sub(r"\+?(dateUpdated|lastReadTimestamp)(?=[+\"])", "", text).replace(":+", ":")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
async def test_a_script_goes_as_with_twilios_client_but_for_what_rest_cannot(
    path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player, "PATIENCE", 3.0)  # what REST cannot do is waited for as long
    script = load(path)
    async with twilio_stand_in() as twilio, Deployment(twilio) as deployment:

        def options() -> ClientOptions:
            backend = deployment.backend(deadline=2.0, is_patient=True)
            return cast("ClientOptions", {**script.options, "backend": backend})

        async with Player(deployment.token, options) as playing:
            outcomes = await playing.play(script)
    steps = {step.name: step.expected for step in script.steps if step.name not in UNORDERED}
    different = {name for name, expected in steps.items() if compared(expected) != compared(outcomes[name])}
    assert steps.keys() & DIFFERENCES.keys() == different
