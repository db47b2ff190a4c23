"""Options: what cannot work is refused at the start, with a text that says so."""

from __future__ import annotations

import re
from typing import Any

import pytest

from acs_emulator.options import Options, OptionsError


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"http_port": -1}, "http_port must be between 0 and 65535"),
        ({"https_port": 65536}, "https_port must be between 0 and 65535"),
        ({"http_port": None, "https_port": None}, "at least one of http_port and https_port"),
        ({"access_key": "not base64!"}, "the access key is not base64"),
        ({"access_key": ""}, "the access key is empty"),
        ({"error_envelope": "Error"}, "error_envelope must be one of error, CommunicationError: 'Error'"),
        ({"rate_limits": "maybe"}, "rate_limits must be one of off, on"),
        ({"large_thread_receipts": "some"}, "large_thread_receipts must be one of hidden, shown"),
    ],
)
def test_what_cannot_work_is_refused(wrong: dict[str, Any], text: str) -> None:
    with pytest.raises(OptionsError, match=re.escape(text)):
        Options(**wrong)


def test_the_access_key_is_not_shown() -> None:
    assert "c2VjcmV0" not in repr(Options(access_key="c2VjcmV0"))
