from __future__ import annotations

import pytest

from acs_backend.checks import check_attributes
from twilio_compat.errors import LimitError, TwilsockUpstreamError
from twilio_compat.records import JSONValue


@pytest.mark.parametrize(
    ("attributes", "size"), [({"a": 1, "b": [2, 3]}, 17), ("é😀", 8), ("\0", 8), (None, 4)], ids=repr
)
def test_the_size_of_attributes_is_that_of_the_json_that_javascript_sends(
    attributes: JSONValue, size: int
) -> None:
    check_attributes(attributes, size)
    with pytest.raises(LimitError, match=f"{size} bytes of JSON") as caught:
        check_attributes(attributes, size - 1)
    assert 50303 == caught.value.code


@pytest.mark.parametrize("attributes", [float("inf"), "\ud800"], ids=ascii)
def test_what_json_cannot_carry_is_no_attribute(attributes: JSONValue) -> None:
    with pytest.raises(TwilsockUpstreamError) as caught:
        check_attributes(attributes, 100)
    assert 50304 == caught.value.code
