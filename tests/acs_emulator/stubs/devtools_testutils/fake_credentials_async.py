"""Named by the official suites, used by none of their live tests."""


class AsyncFakeCredential:
    """A credential for recorded runs."""
