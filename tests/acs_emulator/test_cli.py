"""The command ``acs-emulator``: what it says, when it is ready, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner

from acs_emulator import Options
from acs_emulator.cli import main
from acs_emulator.journal import FILE_NAME
from tests.acs_emulator.clients import new_token
from tests.acs_emulator.processes import command, run_to_its_end, running_emulator


@pytest.fixture
def ready_file(tmp_path: Path) -> Path:
    """Return where the ready file is to be."""
    return tmp_path / "ready.json"


class TestServing:
    def test_the_ready_file_is_there_when_it_serves_and_gone_when_it_has_ended(
        self, ready_file: Path
    ) -> None:
        with running_emulator(ready_file) as emulator:
            assert new_token(emulator)
            assert (0, "") == emulator.end(signal.SIGTERM)
        assert not ready_file.exists()

    def test_the_ready_file_of_a_killed_emulator_goes_at_the_next_start(self, ready_file: Path) -> None:
        ready_file.write_text("where it was before")
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            run_to_its_end("--ready-file", ready_file, "--http-port", str(taken.getsockname()[1]))
        assert not ready_file.exists()

    def test_the_ready_file_says_where_everything_is(self, ready_file: Path) -> None:
        with running_emulator(ready_file) as emulator:
            content = json.loads(ready_file.read_text())
            assert emulator.process.pid == content.pop("pid")
            expected = {
                "http_endpoint",
                "https_endpoint",
                "connection_string",
                "ca_file",
                "storage_connection_string",
            }
            assert expected == content.keys()
            assert 0o600 == ready_file.stat().st_mode & 0o777

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_a_signal_ends_it_with_success_and_without_a_word(
        self, ready_file: Path, number: signal.Signals
    ) -> None:
        with running_emulator(ready_file) as emulator:
            assert (0, "") == emulator.end(number)

    def test_it_says_on_standard_output_where_it_is(self, ready_file: Path) -> None:
        with running_emulator(ready_file) as emulator:
            expected = [
                f"http   {emulator.http_endpoint}",
                f"https  {emulator.https_endpoint}",
                f"trust  {emulator.ca_file}",
                f"export COMMUNICATION_SERVICES_CONNECTION_STRING='{emulator.connection_string}'",
                f"export AZURE_STORAGE_CONNECTION_STRING='{emulator.storage_connection_string}'",
            ]
            lines = {line.strip() for line in emulator.output.splitlines()}
            assert [] == [line for line in expected if line not in lines]

    def test_an_option_can_be_given_in_the_environment(
        self, ready_file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ACS_EMULATOR_SERVE_ACCESS_KEY", "c2VjcmV0")
        with running_emulator(ready_file) as emulator:
            assert emulator.connection_string.endswith("accesskey=c2VjcmV0")

    def test_the_access_key_is_kept_with_the_data(self, ready_file: Path, tmp_path: Path) -> None:
        keys = []
        for _ in range(2):
            with running_emulator(ready_file, "--data", tmp_path / "data") as emulator:
                keys.append(emulator.connection_string.partition("accesskey=")[2])
                emulator.end(signal.SIGTERM)
        assert keys[0] == keys[1]


class TestRefusals:
    """Each ends the command with one line that says what to do."""

    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            (["--http-port", "http"], "'http' is neither a port nor none"),
            (["--http-port", "70000"], "http_port must be between 0 and 65535"),
            (["--http-port", "none", "--https-port", "none"], "at least one of http_port and https_port"),
            (["--access-key", "not base64!"], "the access key is not base64"),
            (["--host", "0.0.0.0"], "add --allow-remote if that is meant"),
            (["--data", ""], "--data is empty: give a directory, or memory"),
            (["--error-envelope", "none"], "'none' is not one of 'error', 'CommunicationError'"),
            (["--nonsense"], "No such option"),
        ],
    )
    def test_a_bad_argument(self, arguments: list[str], expected: str) -> None:
        result = run_to_its_end(*arguments)
        assert 2 == result.returncode
        assert expected in result.stderr
        assert "Traceback" not in result.stderr

    def test_a_taken_port(self) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            port = taken.getsockname()[1]
            result = run_to_its_end("--http-port", str(port))
        expected = f"Error: cannot listen on 127.0.0.1 port {port}: Address already in use\n"
        assert (1, expected) == (result.returncode, result.stderr)

    def test_a_host_that_is_not_this_machine(self) -> None:
        result = run_to_its_end("--allow-remote", "--host", "192.0.2.1")
        assert 1 == result.returncode
        assert result.stderr.startswith("Error: cannot listen on 192.0.2.1 port 0: ")

    @pytest.mark.parametrize("host", ["no name", "", "x" * 300])
    @pytest.mark.parametrize("more", [[], ["--https-port", "none"]])
    def test_a_host_that_is_no_name(self, host: str, more: list[str]) -> None:
        result = run_to_its_end("--allow-remote", "--host", host, *more)
        assert (1, 1) == (result.returncode, len(result.stderr.splitlines()))
        assert result.stderr.startswith("Error: ")

    def test_a_data_directory_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "data").touch()
        result = run_to_its_end("--data", tmp_path / "data")
        assert 1 == result.returncode
        assert 1 == len(result.stderr.splitlines())
        assert f"Error: cannot open {tmp_path / 'data'}" in result.stderr

    def test_a_damaged_data_file(self, tmp_path: Path) -> None:
        (tmp_path / FILE_NAME).write_bytes(b"no database " * 1000)
        result = run_to_its_end("--data", tmp_path)
        assert 1 == result.returncode
        assert 1 == len(result.stderr.splitlines())
        assert "is not a data file of this emulator; choose another data directory" in result.stderr

    def test_a_row_that_cannot_be_read(self, tmp_path: Path, ready_file: Path) -> None:
        with running_emulator(ready_file, "--data", tmp_path / "data") as emulator:
            emulator.end(signal.SIGTERM)
        with closing(sqlite3.connect(tmp_path / "data" / FILE_NAME)) as database:
            database.execute("INSERT INTO rows VALUES ('storage.blobs', 'media/one', '{}')")
            database.commit()
        result = run_to_its_end("--data", tmp_path / "data")
        expected = "Error: a row of the storage account cannot be read: KeyError('container')\n"
        assert (1, expected) == (result.returncode, result.stderr)

    def test_a_directory_another_emulator_uses(self, tmp_path: Path, ready_file: Path) -> None:
        with running_emulator(ready_file, "--data", tmp_path / "data"):
            result = run_to_its_end("--data", tmp_path / "data")
        assert 1 == result.returncode
        assert "is in use by another emulator; stop it or choose another data directory" in result.stderr

    def test_a_ready_file_that_cannot_be_written(self, tmp_path: Path) -> None:
        path = tmp_path / "missing" / "ready.json"
        result = run_to_its_end("--ready-file", path)
        expected = f"Error: cannot write the ready file {path}: No such file or directory\n"
        assert (1, expected) == (result.returncode, result.stderr)


class TestHelp:
    def test_every_option_has_a_line_of_help(self) -> None:
        serve = main.commands["serve"]
        assert [] == [each.name for each in serve.params if not getattr(each, "help", None)]

    def test_every_option_of_the_emulator_is_an_option_of_the_command(self) -> None:
        names = {each.name for each in main.commands["serve"].params}
        assert set() == {each.name for each in fields(Options)} - names

    def test_the_module_is_the_same_command(self) -> None:
        assert "acs_emulator" in command()[2]
        assert "Usage: acs-emulator serve" in run_to_its_end("--help").stdout

    def test_the_version_is_that_of_the_distribution(self) -> None:
        result = CliRunner().invoke(main, ["--version"])
        assert result.output.startswith("acs-emulator, version ")
