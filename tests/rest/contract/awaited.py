"""twilio-python's asynchronous methods under the names of the others, so that a scenario is written once.

`Awaited` stands before a resource of twilio-python: a method that has an asynchronous variant is called by that, and
waited for on an event loop that runs in a thread; everything else is passed on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from twilio.base.domain import Domain
from twilio.base.instance_context import InstanceContext
from twilio.base.instance_resource import InstanceResource
from twilio.base.list_resource import ListResource
from twilio.base.page import Page
from twilio.base.version import Version

_RESOURCES = (Domain, InstanceContext, InstanceResource, ListResource, Page, Version)
Wait = Callable[[Awaitable[Any]], Any]


class Awaited:
    """A resource whose methods are called by their asynchronous variants."""

    def __init__(self, resource: Any, wait: Wait) -> None:
        self._resource = resource
        self._wait = wait

    @property
    def resource_behind(self) -> Any:
        """The resource itself; so named that it has no attribute of that name."""
        return self._resource

    def __getattr__(self, name: str) -> Any:
        variant = getattr(self._resource, f"{name}_async", None)
        if variant is None:
            return self._before(getattr(self._resource, name))
        return lambda *args, **kwargs: self._before(self._wait(_finished(variant, args, kwargs)))

    def __call__(self, *args: Any) -> Any:
        return self._before(self._resource(*args))

    def __iter__(self) -> Any:
        return (self._before(each) for each in self._resource)

    def _before(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._before(each) for each in value]
        if isinstance(value, _RESOURCES):
            return Awaited(value, self._wait)
        return value


async def _finished(variant: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Return the result; of a stream, all of it."""
    result = await variant(*args, **kwargs)
    return [each async for each in result] if isinstance(result, AsyncIterator) else result
