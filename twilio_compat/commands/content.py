"""The commands ``twilio-compat content ...``: which content templates the deployment has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TextIO, TypeVar

import click

from twilio_compat.backend import ContentTemplates, open_backend
from twilio_compat.errors import ArgumentError
from twilio_compat.records import ContentTemplateRecord
from twilio_compat.settings import Settings
from twilio_compat.templates import as_json, read_templates, text_of

T = TypeVar("T")

SHOWN_TEXT = 48
"""Characters of a template's text that the table shows."""


@click.group()
def content() -> None:
    """Keep content templates: messages prepared for `setContentTemplate`."""


@content.command()
@click.argument("files", nargs=-1, required=True, type=click.File(encoding="utf-8"), metavar="FILE...")
@click.option("--json", "as_json_text", is_flag=True, help="Print the sids as a JSON array.")
def load(files: Sequence[TextIO], as_json_text: bool) -> None:
    """Keep the templates in each FILE (- is standard input), in place of those with the same sids.

    A file is JSON as Twilio's Content API answers it: one template, an array of them, or a page of its list.
    """
    records = [record for file in files for record in _read(file)]
    _run(lambda templates: templates.put(records))
    sids = [record.sid for record in records]
    click.echo(json.dumps(sids) if as_json_text else f"{_counted(len(sids))} kept")


@content.command("list")
@click.option("--json", "as_json_text", is_flag=True, help="Print a JSON array that `content load` reads.")
def list_all(as_json_text: bool) -> None:
    """List the templates."""
    records = _run(lambda templates: templates.list(None))
    if as_json_text:
        click.echo(json.dumps([as_json(record) for record in records], indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_table(records)) if records else "There are no content templates")


@content.command()
@click.argument("sids", nargs=-1, required=True, metavar="SID...")
@click.option("--json", "as_json_text", is_flag=True, help="Print the sids as a JSON array.")
def remove(sids: Sequence[str], as_json_text: bool) -> None:
    """Forget the templates of each SID; messages made of them stay as they are."""
    _run(lambda templates: templates.remove(sids))
    click.echo(json.dumps([*sids]) if as_json_text else f"{_counted(len(sids))} removed")


def _run(call: Callable[[ContentTemplates], Awaitable[T]]) -> T:
    """Run *call* with the templates of the deployment that the environment names."""

    async def run() -> T:
        backend = open_backend(Settings.from_environment())
        try:
            return await call(backend.content_templates)
        finally:
            await backend.close()

    return asyncio.run(run())


def _read(file: TextIO) -> Sequence[ContentTemplateRecord]:
    try:
        return read_templates(file.read(), now=datetime.now(UTC))
    except UnicodeDecodeError as error:
        raise ArgumentError(f"{file.name}: This is no UTF-8 text: {error.reason}") from error
    except ArgumentError as error:
        raise ArgumentError(f"{file.name}: {error}") from error


def _table(records: Sequence[ContentTemplateRecord]) -> list[str]:
    rows = [("SID", "NAME", "TYPES", "TEXT"), *map(_row, records)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in rows]


def _row(record: ContentTemplateRecord) -> tuple[str, str, str, str]:
    text = " ".join((text_of(record.types) or "").split())
    short = text if len(text) <= SHOWN_TEXT else text[: SHOWN_TEXT - 3] + "..."
    return record.sid, record.friendly_name, ", ".join(record.types), short


def _counted(count: int) -> str:
    return f"{count} {'template' if count == 1 else 'templates'}"
