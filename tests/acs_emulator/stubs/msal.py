"""Stands in for msal: the tests that would sign in to a tenant are told to skip themselves."""


class PublicClientApplication:
    """Cannot sign in."""

    def __init__(self, **_settings: object) -> None:
        """Refuse."""
        raise NotImplementedError("signing in to Microsoft Entra needs a real tenant")
