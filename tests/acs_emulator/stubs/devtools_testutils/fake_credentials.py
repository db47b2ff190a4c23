"""Named by the official suites, used by none of their live tests."""


class FakeTokenCredential:
    """A credential for recorded runs."""
