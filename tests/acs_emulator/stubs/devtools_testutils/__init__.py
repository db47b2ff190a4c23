"""Stands in for the Azure SDK's test tools in a live run: nothing is recorded, so nothing is to be done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

import pytest

P = ParamSpec("P")
R = TypeVar("R")


class AzureRecordedTestCase:
    """Base of the official test cases."""

    is_live = True

    def is_playback(self) -> bool:
        """Tell that requests go to a service."""
        return False


@pytest.fixture(scope="session")
def test_proxy() -> Iterator[None]:
    """No proxy: requests go straight to the service."""
    return iter([None])


def is_live() -> bool:
    """Tell that requests go to a service."""
    return True


def recorded_by_proxy(test: Callable[P, R]) -> Callable[P, R]:
    """Leave *test* as it is."""
    return test


def _no_sanitizer(**_arguments: str) -> None:
    """Sanitise nothing: there is no recording."""


add_body_key_sanitizer = _no_sanitizer
add_general_regex_sanitizer = _no_sanitizer
add_general_string_sanitizer = _no_sanitizer
add_header_regex_sanitizer = _no_sanitizer
add_oauth_response_sanitizer = _no_sanitizer
set_default_session_settings = _no_sanitizer
