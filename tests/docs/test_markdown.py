"""The reader of the documentation reads it right."""

from __future__ import annotations

import asyncio

import pytest

from tests.docs import runner
from tests.docs.markdown import Block, anchors, blocks, links

PAGE = """# One page

<!-- python
token = "abc"
-->

```python
print(token)
```

```output
abc
```

```console
$ make test
```

## One page

See [the guide](guide.md#here) and `code()` in a heading:

### `Client(token)`, briefly
"""


def test_blocks_come_in_order_hidden_ones_included() -> None:
    assert [
        Block(language="python", text='token = "abc"\n', line=4),
        Block(language="python", text="print(token)\n", line=8),
        Block(language="output", text="abc\n", line=12),
    ] == blocks(PAGE, "python", "output")


def test_links_are_found() -> None:
    assert ["guide.md#here"] == list(links(PAGE))


def test_anchors_are_made_as_github_makes_them() -> None:
    assert {"one-page", "one-page-1", "clienttoken-briefly"} == anchors(PAGE)


def test_blocks_share_a_namespace_and_may_await() -> None:
    code = [
        Block(language="python", text="import asyncio\nx = 1\n", line=1),
        Block(language="python", text="await asyncio.sleep(0)\nprint(x)\n", line=5),
        Block(language="output", text="1\n", line=9),
    ]
    assert asyncio.run(runner.run(code, "page.md")) == 2


def test_a_wrong_output_is_reported_with_its_place() -> None:
    code = [
        Block(language="python", text="print(2)\n", line=3),
        Block(language="output", text="1\n", line=7),
    ]
    with pytest.raises(runner.UnexpectedOutputError, match=r"page\.md:7: shown '1\\n', printed '2\\n'"):
        asyncio.run(runner.run(code, "page.md"))


def test_a_traceback_names_the_line_of_the_page() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        asyncio.run(runner.run([Block(language="python", text="x = 1\nx / 0\n", line=40)], "page.md"))
    assert caught.traceback[-1].lineno + 1 == 41
