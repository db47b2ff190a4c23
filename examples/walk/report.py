"""Two ways to show the walk: side by side for people, JSON for machines."""

from __future__ import annotations

import json
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from examples.walk.steps import Step, Steps
from examples.walk.wire import Request

LONGEST_CONTENT = 160

NEXT_STEPS = """\
What to do next
  1. Read migration_guide.md: the same walk, section by section, with what differs.
  2. Point your own application here: run `acs-emulator serve`, set the variables it prints, change one import.
  3. On Azure: set COMMUNICATION_SERVICES_CONNECTION_STRING and AZURE_STORAGE_CONNECTION_STRING to your resources."""


def show(console: Console, steps: Steps) -> None:
    """Print the walk as a table: Twilio's line, the requests it became, the result."""
    table = Table(show_lines=True, expand=True, title="Microsoft's migration guide, walked on this machine")
    table.add_column("Twilio", ratio=3, overflow="fold")
    table.add_column("became on ACS (taken from the wire)", ratio=5, overflow="fold")
    table.add_column("result", ratio=3, overflow="fold")
    for step in steps.done:
        table.add_row(_code(step), _requests(step.requests), _result(step))
    console.print(table)
    if steps.all_held:
        console.print(f"[bold green]All {len(steps.done)} steps held.[/]")
        console.print(NEXT_STEPS, highlight=False)
    else:
        console.print(f"[bold red]Step {len(steps.done)} did not hold; those after it were not tried.[/]")


def as_json(steps: Steps) -> str:
    """Return the walk as a JSON document: ``ok`` and the ``steps`` with all their requests."""
    document = {
        "ok": steps.all_held,
        "steps": [{"ok": each.failure is None, **asdict(each)} for each in steps.done],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _code(step: Step) -> Text:
    return Text.assemble((step.section, "bold"), "\n", (step.twilio, "cyan"))


def _requests(requests: list[Request]) -> str:
    lines = [_line(each) for each in requests if not each.is_poll]
    polls = sum(each.times for each in requests if each.is_poll)
    if polls:
        lines.append(f"[dim]GET /chat/threads x{polls}: the event source looks for news[/]")
    return "\n".join(lines) or "[dim]no request[/]"


def _line(request: Request) -> str:
    times = f" x{request.times}" if request.times > 1 else ""
    content = (
        request.content
        if len(request.content) <= LONGEST_CONTENT
        else request.content[:LONGEST_CONTENT] + "..."
    )
    line = f"[bold]{request.method}[/] {escape(request.path)} [green]{request.status}[/]{times}"
    return f"{line}\n  [yellow]{escape(content)}[/]" if content else line


def _result(step: Step) -> Text:
    return Text(step.failure, "bold red") if step.failure else Text(step.result)
