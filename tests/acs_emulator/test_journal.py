"""The file of acknowledged state: kept together, locked, and checked before use."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from acs_emulator.journal import (
    APPLICATION_ID,
    FILE_NAME,
    DataError,
    FileJournal,
    MemoryJournal,
    open_journal,
)


def test_no_directory_keeps_nothing() -> None:
    journal = open_journal(None)
    with journal.transaction() as write:
        write.put("threads", "one", {"topic": "a"})
    assert list(journal.load("threads")) == []
    assert isinstance(journal, MemoryJournal)


def test_rows_survive_reopening_ordered_by_key(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path / "made" / "on the way")
    with journal.transaction() as write:
        write.put("threads", "b", {"topic": "café 😀"})
        write.put("threads", "a", {"nested": [1, None, {"x": True}]})
        write.put("users", "a", {"other": "namespace"})
        write.put("threads", "c", {})
        write.delete("threads", "c")
        write.delete("threads", "never there")
    journal.close()

    reopened = FileJournal(tmp_path / "made" / "on the way")
    assert list(reopened.load("threads")) == [
        ("a", {"nested": [1, None, {"x": True}]}),
        ("b", {"topic": "café 😀"}),
    ]
    reopened.close()


def test_a_transaction_that_raises_leaves_nothing(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)

    def write_half() -> None:
        with journal.transaction() as write:
            write.put("threads", "a", {})
            write.put("threads", "b", {"not JSON": object()})  # type: ignore[dict-item]  # the point of the test

    with pytest.raises(TypeError):
        write_half()
    assert list(journal.load("threads")) == []
    journal.close()


def test_a_full_disk_is_told_as_such_and_the_next_transaction_works(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    full = "BEFORE INSERT ON rows WHEN NEW.key = 'big' BEGIN SELECT RAISE(ROLLBACK, 'the disk is full'); END"
    journal._connection.execute(f"CREATE TEMP TRIGGER full {full}")

    def write_big() -> None:
        with journal.transaction() as write:
            write.put("threads", "small", {})
            write.put("threads", "big", {})

    with pytest.raises(sqlite3.Error, match="the disk is full"):
        write_big()
    with journal.transaction() as write:
        write.put("threads", "next", {})
    assert ["next"] == [key for key, _ in journal.load("threads")]
    journal.close()


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    FileJournal(tmp_path).close()
    assert 0o600 == (tmp_path / FILE_NAME).stat().st_mode & 0o777


def test_a_row_outside_a_transaction_is_refused(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    with pytest.raises(RuntimeError, match="transaction"):
        journal.put("threads", "a", {})
    journal.close()


def test_what_was_committed_survives_kill_minus_nine(tmp_path: Path) -> None:
    script = """
import os, signal, sys
from pathlib import Path
from acs_emulator.journal import FileJournal
journal = FileJournal(Path(sys.argv[1]))
for number in range(100):
    with journal.transaction() as write:
        write.put("messages", f"{number:03}", {"number": number})
unfinished = journal.transaction()
unfinished.__enter__().put("messages", "half", {})
os.kill(os.getpid(), signal.SIGKILL)
"""
    finished = subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    journal = FileJournal(tmp_path)
    assert finished.returncode == -9
    assert [row["number"] for _, row in journal.load("messages")] == list(range(100))
    journal.close()


def test_a_file_in_use_is_refused_and_free_again_after_close(tmp_path: Path) -> None:
    first = FileJournal(tmp_path)
    with pytest.raises(DataError, match="in use by another emulator"):
        FileJournal(tmp_path)
    first.close()
    FileJournal(tmp_path).close()


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database at all, but long enough to be read as one" * 20)
    with pytest.raises(DataError, match="not a data file"):
        FileJournal(tmp_path)


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / FILE_NAME)
    other.execute("CREATE TABLE theirs (x)")
    other.close()
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(DataError, match="belongs to another program"):
        FileJournal(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == before


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    FileJournal(tmp_path).close()
    newer = sqlite3.connect(tmp_path / FILE_NAME)
    newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(DataError, match="newer version"):
        FileJournal(tmp_path)


@pytest.mark.parametrize("damage", [slice(100, 4096), slice(4096, None), slice(8192, 12288)])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: slice) -> None:
    journal = FileJournal(tmp_path)
    with journal.transaction() as write:
        for number in range(2000):
            write.put("messages", str(number), {"content": "x" * 100})
    journal.close()
    damaged = bytearray((tmp_path / FILE_NAME).read_bytes())
    damaged[damage] = b"\xff" * len(damaged[damage])
    (tmp_path / FILE_NAME).write_bytes(damaged)
    with pytest.raises(DataError, match="damaged"):
        FileJournal(tmp_path)


@pytest.mark.parametrize("value", ["CAST(x'7b22ff227d' AS TEXT)", "'{\"half\"'"])
def test_a_row_that_is_no_json_is_refused(tmp_path: Path, value: str) -> None:
    FileJournal(tmp_path).close()
    other = sqlite3.connect(tmp_path / FILE_NAME)
    other.execute(f"INSERT INTO rows VALUES ('threads', 'a', {value})")
    other.commit()
    other.close()
    journal = FileJournal(tmp_path)
    with pytest.raises(DataError, match="damaged"):
        list(journal.load("threads"))
    journal.close()


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    journal = FileJournal(tmp_path)
    with journal.transaction() as write:
        for number in range(2000):
            write.put("messages", str(number), {"content": "x" * 100})
    journal.close()
    whole = (tmp_path / FILE_NAME).read_bytes()
    (tmp_path / FILE_NAME).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="damaged"):
        FileJournal(tmp_path)


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(DataError, match="cannot open"):
        FileJournal(tmp_path / "taken")


def test_the_file_says_whose_it_is(tmp_path: Path) -> None:
    FileJournal(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    connection.close()
