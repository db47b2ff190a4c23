"""``X-Twilio-Signature``: by which a receiver knows that a request comes from whoever has the account's auth token.

It is the HMAC-SHA1, in base64, of the url with each parameter's name and value after it, sorted by name. A GET has its
parameters in the url, so nothing comes after that. What a receiver cannot see in the url is not signed: credentials,
which travel in a header, and the fragment, which does not travel.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

HEADER: Final = "X-Twilio-Signature"


def signature(auth_token: str, url: str, parameters: Mapping[str, str]) -> str:
    """Return the signature of a request to *url* with the form *parameters*: none for a GET."""
    text = url + "".join(f"{name}{parameters[name]}" for name in sorted(parameters))
    digest = hmac.digest(auth_token.encode(), text.encode(), hashlib.sha1)
    return base64.b64encode(digest).decode()
