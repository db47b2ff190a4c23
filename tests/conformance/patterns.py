"""Comparing what a script expects with what there is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any


def seen_as(expected: Any, actual: object, names: Mapping[str, object]) -> object:
    """Return *expected* where *actual* is that, else *actual* in a form that can be printed beside it."""
    match expected:
        case {"$is": str(path)} if len(expected) == 1:
            return expected if _same(_there(path, names), actual) else shown(actual)
        case {"$type": str(name)} if len(expected) == 1:
            return expected if type(actual).__name__ == name else shown(actual)
        case {"$map": [key, each]} if isinstance(actual, Mapping):
            pairs = [[seen_as(key, k, names), seen_as(each, v, names)] for k, v in actual.items()]
            return expected if pairs and all(pair == [key, each] for pair in pairs) else shown(actual)
        case {"$sid": str(prefix)} if len(expected) == 1:
            return expected if re.fullmatch(prefix + "[0-9a-f]{32}", str(actual)) else shown(actual)
        case {"$like": str(pattern)} if len(expected) == 1:
            return expected if isinstance(actual, str) and re.search(pattern, actual) else shown(actual)
        case {"$time": "UTC"}:
            return expected if _is_utc(actual) else shown(actual)
        case dict() if isinstance(actual, Mapping):
            return {key: seen_as(expected.get(key), each, names) for key, each in actual.items()}
        case list() if isinstance(actual, list | tuple) and len(actual) == len(expected):
            return [seen_as(*pair, names) for pair in zip(expected, actual, strict=True)]
        case _:
            return shown(actual)


def _there(path: str, names: Mapping[str, object]) -> object:
    try:
        return read(path, names)
    except (AttributeError, LookupError, TypeError):  # what was to be kept there failed, as that step says
        return None


def _same(one: object, other: object) -> bool:
    return one is other or (isinstance(one, str) and one == other)


def _is_utc(value: object) -> bool:
    return isinstance(value, datetime) and value.utcoffset() is not None and not value.utcoffset()


def shown(value: object) -> object:
    """Return *value* as JSON where it is that, else its ``repr``."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): shown(each) for key, each in value.items()}
        case list() | tuple():
            return [shown(each) for each in value]
        case _:
            return repr(value)


def read(path: str, names: Mapping[str, object]) -> object:
    """Return what is at *path*: a kept name, then properties, keys, ``[0]`` for one item, ``[]`` for each."""
    first, *rest = re.findall(r"[^.\[\]]+|\[\d*\]", path)
    return _down(names[first], rest)


def _down(value: Any, parts: list[str]) -> object:
    if not parts:
        return value
    part, *rest = parts
    if part == "[]":
        return [_down(each, rest) for each in value]
    if part.startswith("["):
        return _down(value[int(part[1:-1])], rest)
    if isinstance(value, Mapping):
        return _down(value[part], rest)
    return _down(getattr(value, part), rest)
