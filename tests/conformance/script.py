"""Scripts of calls with what each must do, as data, so that clients in other languages can be held to the same files.

A script is a JSON file in ``scripts``: a ``title``, the ``options`` its clients are made with, and ``steps``. The
clients share one deployment that is empty at first. A step does one thing, and says what comes of it:

``signIn``
    Make a client for this identity, under this name, and wait for its events.
``listen``
    Paths of other objects, or of a client made by a call, whose events are taken down too from here on.
``do``
    A chain of calls, the last one awaited. The first names what it is called on, by path; the others are called on
    what the one before returned: ``[["room.prepareMessage"], ["setBody", "hi"], ["buildAndSend"]]``.
``each``
    Arguments with which the last call of the chain is made, one after the other; the value is the list of values.
``as``
    The name under which the value is kept for later steps.
``value``, ``shows``, ``raises``
    What the call returns; what can be read afterwards, by path, where ``value`` is what was returned and ``[]`` goes
    through a list; or the ``message``, and for refusals of the service also ``status`` and ``body``, of the error.
``events``
    What each client hears, in order, as ``name:detail``: the update reasons, joined by ``+``, the name under which a
    conversation is kept, the identity of a participant or user, the body of a message. Who is not named hears nothing.
``here``
    Where this library is held to something else than Twilio's client: any of the five above, and ``why``.

Among arguments and expected values, an object with one key that begins with ``$`` stands for something:

* ``{"$get": path}`` what can be read there, ``{"$token": identity}`` an access token, ``{"$options": {}}`` what the
  clients are made with;
* ``{"$is": path}`` the very object that is there, ``{"$type": class}`` an object of that class, ``{"$sid": prefix}`` an
  id, ``{"$like": pattern}`` a text that the pattern matches, ``{"$time": "UTC"}`` a date, ``{"$map": [key, value]}`` a
  map with entries like that.

``null`` stands for what JavaScript calls ``null`` and ``undefined``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.json"))

_PARTS = ("value", "shows", "raises", "events")
_FIELDS = {"step", "signIn", "do", "each", "as", "listen", "here", *_PARTS}


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a script."""

    name: str
    sign_in: str | None
    chain: Sequence[Sequence[Any]]
    each: Sequence[Sequence[Any]] | None
    save: str | None
    listen: Sequence[str]
    expected: Mapping[str, Any]
    """By part: ``value``, ``shows``, ``raises``, ``events``; a part that is not there is not compared."""
    text: str
    """The step as it is written, for whoever looks for a name in it."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script."""

    name: str
    title: str
    options: Mapping[str, Any]
    steps: Sequence[Step]


def load(path: Path) -> Script:
    """Read a script. `ValueError` for a step with a field nobody knows, or a name that was used."""
    written = json.loads(path.read_text(encoding="utf-8"))
    steps = [_step(each) for each in written["steps"]]
    names = [each.name for each in steps]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{path.name} has several steps named {', '.join(sorted(doubled))}")
    return Script(path.stem, written["title"], written.get("options", {}), steps)


def _step(written: Mapping[str, Any]) -> Step:
    here = written.get("here", {})
    if unknown := {*written, *here} - _FIELDS - {"why"}:
        raise ValueError(f"The step {written['step']!r} has unknown fields: {', '.join(sorted(unknown))}")
    if here and not here.get("why"):
        raise ValueError(f"The step {written['step']!r} does not say why it differs here")
    said = {part: written[part] for part in _PARTS if part in written}
    return Step(
        name=written["step"],
        sign_in=written.get("signIn"),
        chain=written.get("do", ()),
        each=written.get("each"),
        save=written.get("as"),
        listen=written.get("listen", ()),
        expected=_override(said, here),
        text=json.dumps(written),
    )


def _override(said: Mapping[str, Any], here: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is expected of this library; where one side raises, the other side's value does not count."""
    if "raises" in here:
        said = {part: what for part, what in said.items() if part not in ("value", "shows")}
    elif {"value", "shows"} & set(here):
        said = {part: what for part, what in said.items() if part != "raises"}
    merged = {"events": {}, **said, **{part: here[part] for part in _PARTS if part in here}}
    if "shows" in said and "shows" in here:
        merged["shows"] = {**said["shows"], **here["shows"]}
    return merged
