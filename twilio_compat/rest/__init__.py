"""Drop-in for ``twilio.rest``: change the import, keep the code.

``Client`` is there without being imported before it is asked for, so that what does not need twilio-python, the server
(`twilio_compat.rest.asgi`) above all, does without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from twilio_compat.rest.client import Client

__all__ = ["Client"]


def __getattr__(name: str) -> Any:
    """Import `Client`. `ImportError` where twilio-python is not installed."""
    if name != "Client":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from twilio_compat.rest.client import Client
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in ("twilio", "requests"):
            raise
        raise ImportError(
            "twilio_compat.rest.Client needs twilio-python: pip install 'twilio-acs-compat[rest]'"
        ) from error
    return Client
