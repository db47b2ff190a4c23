"""The emulator as a context manager: one ACS resource and one storage account, listening until the block ends.

``async with Emulator() as emulator:`` serves from the caller's event loop; ``with Emulator() as emulator:`` serves from a
thread of its own. Both give the same attributes, take no signal handlers, and leave nothing behind: no socket, no
task, no thread, and no file unless `Options.data` names a directory.
"""

from __future__ import annotations

import base64
import ssl
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from anyio.from_thread import start_blocking_portal

from acs_emulator.app import Exchange, build_app
from acs_emulator.certificates import Certificates
from acs_emulator.faults import Faults
from acs_emulator.journal import open_journal
from acs_emulator.operations import OPERATIONS
from acs_emulator.options import Options
from acs_emulator.server import Server, authority, listen, loop_factory
from acs_emulator.service import Service, utc_now
from acs_emulator.storage import ACCOUNT_NAME, Account, Files, StorageApp, account_key_for

BLOBS_DIRECTORY = "blobs"


class Emulator:
    """Azure Communication Services Chat and Identity, and the Blob Storage that media needs, on this machine.

    Entering raises `OptionsError`, `DataError` for a data directory that cannot be used, and `ListenError` for a port
    that cannot be had.
    """

    def __init__(
        self,
        options: Options | None = None,
        *,
        clock: Callable[[], datetime] = utc_now,
        observe: Callable[[Exchange], None] | None = None,
    ) -> None:
        """Prepare. *clock* gives the time, aware and in UTC; *observe* is told of every chat and identity request."""
        self.options = options or Options()
        """What it was made with."""
        self.faults = Faults(each.name for each in OPERATIONS)
        """Faults that happen to requests, while it runs; see `acs_emulator.faults`."""
        self._clock = clock
        self._observe = observe
        self._running: _Running | None = None
        self._resources = AsyncExitStack()
        self._thread = ExitStack()

    @property
    def service(self) -> Service:
        """The resource behind the listeners."""
        return self._started.service

    @property
    def access_key(self) -> str:
        """Base64 access key of the resource."""
        return self.service.access_key

    @property
    def http_endpoint(self) -> str | None:
        """URL of the listener that takes http, without a slash at the end; it takes https as well. None without one."""
        return self._started.http_endpoint

    @property
    def https_endpoint(self) -> str | None:
        """URL of the listener that takes https only, without a slash at the end; None without one."""
        return self._started.https_endpoint

    @property
    def endpoint(self) -> str:
        """`http_endpoint` where there is one, else `https_endpoint`."""
        return self._started.endpoint

    @property
    def connection_string(self) -> str:
        """Connection string of the resource, for every official SDK."""
        return f"endpoint={self.endpoint}/;accesskey={self.access_key}"

    @property
    def storage_connection_string(self) -> str:
        """Connection string of the storage account, for every official SDK."""
        key = base64.b64encode(self._started.storage_key).decode("ascii")
        scheme = self.endpoint.partition(":")[0]
        return (
            f"DefaultEndpointsProtocol={scheme};AccountName={ACCOUNT_NAME};AccountKey={key};"
            f"BlobEndpoint={self.endpoint}/{ACCOUNT_NAME};"
        )

    @property
    def ca_file(self) -> Path | None:
        """PEM file of the authority https clients must trust: a value for SSL_CERT_FILE, REQUESTS_CA_BUNDLE or
        NODE_EXTRA_CA_CERTS. None without an https listener.
        """
        return self._started.ca_file

    @property
    def _started(self) -> _Running:
        if self._running is None:
            raise RuntimeError("the emulator is not running: enter it with `with` or `async with` first")
        return self._running

    async def __aenter__(self) -> Self:
        """Start, on the running event loop."""
        if self._running is not None:
            raise RuntimeError("the emulator is running already")
        async with AsyncExitStack() as stack:
            self._running = await _Running.start(self.options, self._clock, self._observe, self.faults, stack)
            self._resources = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop: requests under way finish, everything is closed."""
        self._running = None
        await self._resources.aclose()

    def __enter__(self) -> Self:
        """Start, on an event loop in a thread of its own."""
        with ExitStack() as stack:
            portal = stack.enter_context(
                start_blocking_portal(backend_options={"loop_factory": loop_factory()})
            )
            stack.enter_context(portal.wrap_async_context_manager(self))
            self._thread = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop, and end the thread."""
        self._thread.close()


class _Running:
    """An emulator between its start and its end."""

    def __init__(self, options: Options, clock: Callable[[], datetime], stack: AsyncExitStack) -> None:
        directory = options.data or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="acs-emulator-"))
        )
        journal = open_journal(options.data)
        stack.callback(journal.close)
        self.service = Service(options, journal=journal, clock=clock)
        self.storage_key = account_key_for(self.service.key)
        account = Account(journal=journal, files=Files(directory / BLOBS_DIRECTORY), clock=clock)
        self.storage = StorageApp(account, name=ACCOUNT_NAME, key=self.storage_key, clock=clock)
        self.http_endpoint: str | None = None
        self.https_endpoint: str | None = None
        self.ca_file: Path | None = None
        self._tls: ssl.SSLContext | None = None
        if options.https_port is not None:
            certificates = Certificates(directory)
            self.ca_file, self._tls = certificates.ca_file, certificates.server_context(options.host)

    @classmethod
    async def start(
        cls,
        options: Options,
        clock: Callable[[], datetime],
        observe: Callable[[Exchange], None] | None,
        faults: Faults,
        stack: AsyncExitStack,
    ) -> _Running:
        """Open everything; what has to be closed again is pushed on *stack*."""
        running = cls(options, clock, stack)
        app = build_app(
            running.service,
            storage=running.storage,
            storage_account=ACCOUNT_NAME,
            observe=observe,
            faults=faults,
        )
        server = Server(app)
        stack.push_async_callback(server.stop)
        running._listen(options, server)
        return running

    @property
    def endpoint(self) -> str:
        return self.http_endpoint or self.https_endpoint or ""

    def _listen(self, options: Options, server: Server) -> None:
        if options.http_port is not None:
            sock = listen(options.host, options.http_port)
            self.http_endpoint = f"http://{authority(sock)}"
            server.start(sock, tls=self._tls, plain=True)
        if options.https_port is not None:
            sock = listen(options.host, options.https_port)
            self.https_endpoint = f"https://{authority(sock)}"
            server.start(sock, tls=self._tls, plain=False)
