"""The setting that nothing acts on yet."""

from __future__ import annotations

import pytest

from twilio_compat.backend import open_backend
from twilio_compat.errors import ConfigurationError
from twilio_compat.settings import Settings


def test_no_backend_opens_as_if_it_moved_conversations_one_at_a_time() -> None:
    with pytest.raises(ConfigurationError, match="TWILIO_COMPAT_ROLLOUT is set"):
        open_backend(Settings(connection_string="endpoint=http://127.0.0.1:1/;accesskey=eA==", rollout="off"))
