"""Two ways to show the walk: side by side for people, JSON for machines."""

from __future__ import annotations

import json
import re
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from examples.walk.steps import Step, Steps
from examples.walk.wire import Request

LONGEST_CONTENT = 200
THREAD = re.compile(r"19:[\w-]+@thread\.v2")
ACS_USER = re.compile(r"8:acs:[\w-]+(\w{4})\b")

NEXT_STEPS = """\
What to do next
  1. Read migration_guide.md: the same walk, section by section, with what differs.
  2. Point your own application here: run `acs-emulator serve`, set the variables it prints, change one import.
  3. On Azure: set COMMUNICATION_SERVICES_CONNECTION_STRING and AZURE_STORAGE_CONNECTION_STRING to your resources."""


def show(console: Console, steps: Steps) -> None:
    """Print the walk, a step at a time: Twilio's line and its result beside the requests it became."""
    console.print("[bold]Microsoft's migration guide, walked on this machine[/]")
    console.print("Left: the Twilio code and what it gave. Right: what went over the wire to ACS.\n")
    for number, step in enumerate(steps.done, start=1):
        console.rule(f"[bold]{number}. {escape(step.section)}[/]", align="left")
        console.print(_side_by_side(step))
    if steps.all_held:
        console.print(f"\n[bold green]All {len(steps.done)} steps held.[/]\n")
        console.print(NEXT_STEPS, highlight=False)
    else:
        console.print(f"\n[bold red]Step {len(steps.done)} did not hold; those after it were not tried.[/]")


def _side_by_side(step: Step) -> Table:
    table = Table.grid(expand=True, padding=(0, 2, 1, 0))
    table.add_column(ratio=1, overflow="fold")
    table.add_column(ratio=1, overflow="fold")
    table.add_row(Text.assemble((step.code, "cyan"), "\n", _result(step)), _requests(step))
    return table


def as_json(steps: Steps) -> str:
    """Return the walk as a JSON document: ``ok`` and the ``steps`` with all their requests."""
    document = {
        "ok": steps.all_held,
        "steps": [{"ok": each.failure is None, **asdict(each)} for each in steps.done],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _requests(step: Step) -> str:
    shown = [each for each in step.requests if step.native or not each.is_poll]
    polls = sum(each.times for each in step.requests if each not in shown)
    lines = [_line(each) for each in shown]
    if polls:
        lines.append(f"[dim]GET /chat/threads x{polls}: the event source looks for news[/]")
    return "\n".join(lines) or "[dim]no request[/]"


def _line(request: Request) -> str:
    times = f" x{request.times}" if request.times > 1 else ""
    line = f"[bold]{request.method}[/] {escape(_shortened(request.path))} [green]{request.status}[/]{times}"
    content = _shortened(request.content)
    if len(content) > LONGEST_CONTENT:
        content = content[:LONGEST_CONTENT] + "..."
    return f"{line}\n  [dim]{escape(content)}[/]" if content else line


def _shortened(text: str) -> str:
    """Leave out what differs from run to run and tells a reader nothing."""
    return ACS_USER.sub("8:acs:..\\1", THREAD.sub("{threadId}", text))


def _result(step: Step) -> tuple[str, str]:
    return (step.failure, "bold red") if step.failure else (f"-> {step.result}", "")
