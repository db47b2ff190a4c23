"""The stores that several processes can share."""

from __future__ import annotations

from tests.acs_backend.conftest import postgresql, shared_store

__all__ = ["postgresql", "shared_store"]
