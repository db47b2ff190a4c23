"""Twilio's names are there, and no others."""

from __future__ import annotations

import ast
import inspect
import textwrap

import pytest

import twilio_compat
from tests.conformance.compatibility import classes, surface, table
from twilio_compat.emitter import ReplayEventEmitter

CLASSES = sorted(classes())


def ours(name: str) -> type:
    """Return this library's class of the name."""
    found = getattr(twilio_compat, name)
    assert isinstance(found, type)
    return found


def public(cls: type) -> set[str]:
    """Return the public names of a class and of its objects; what every emitter has is left out."""
    names = {*dir(cls), *inspect.get_annotations(cls), *_set_by_init(cls)} - set(dir(ReplayEventEmitter))
    return {name for name in names if not name.startswith("_")}


def _set_by_init(cls: type) -> set[str]:
    """Return the attributes that a class sets on ``self`` when it is made."""
    made = vars(cls).get("__init__")
    if not inspect.isfunction(made) or hasattr(cls, "__dataclass_fields__"):
        return set()
    tree = ast.parse(textwrap.dedent(inspect.getsource(made)))
    stored = [
        each for each in ast.walk(tree) if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
    ]
    return {each.attr for each in stored if isinstance(each.value, ast.Name) and each.value.id == "self"}


@pytest.mark.parametrize("cls", CLASSES)
def test_every_public_name_of_a_class_is_twilios_or_told_as_an_extra(cls: str) -> None:
    theirs = {name for names in classes()[cls].values() for name in names}
    extras = {name.partition(".")[2] for name in table()["extras"] if name.startswith(f"{cls}.")}
    assert theirs | extras == public(ours(cls))


@pytest.mark.parametrize("cls", CLASSES)
def test_each_event_has_a_constant_of_its_name(cls: str) -> None:
    events = classes()[cls].get("events", [])
    assert events == [getattr(ours(cls), name) for name in events]


def test_what_can_be_imported_is_what_twilio_exports_or_told_as_an_extra() -> None:
    extras = {name for name in table()["extras"] if "." not in name}
    theirs = {*classes(), *surface()["exports"]} - set(table()["exports"])
    assert theirs | extras == set(twilio_compat.__all__)
