"""Drop-in for ``twilio.rest``: change the import, keep the code.

``Client`` is there without being imported before it is asked for, so that what does not need twilio-python, the server
(`twilio_compat.rest.asgi`) above all, does without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from twilio_compat.rest.client import Client

__all__ = ["Client"]

_NEEDED: Final = {
    "twilio": "twilio-python",
    "requests": "twilio-python",
    "python_multipart": "python-multipart",
}


def __getattr__(name: str) -> Any:
    """Import `Client`. `ImportError` where what it needs is not installed."""
    if name != "Client":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from twilio_compat.rest.client import Client
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _NEEDED:
            raise
        raise ImportError(
            f"twilio_compat.rest needs {_NEEDED[missing]}: pip install 'twilio-acs-compat[rest]'"
        ) from error
    return Client
