"""The part of Azure Blob Storage that chat media needs, one module per resource.

Theory of operation
===================
`account.Account` is the state: containers, their blobs, and blocks that wait to be committed. It is plain
data in memory, written through to the emulator's journal in one transaction per change. `files.Files` keeps the
bytes. A blob is an ordered list of *segments*, each one file, so that committing a block list moves no bytes: it
is one journal transaction, before which readers see the old blob and after which they see the new one.

`app.StorageApp` takes a request, asks `authorization` whether it is allowed (`shared_key`, `sas`), and hands
it to `containers`, `blobs` or `blocks`. Those three read headers and write headers; `conditions`, `ranges` and
`xml` are the pure parts they share. Every refusal is an `errors.StorageError`, turned into Azure's XML at one place.

What is here: block blobs with properties, metadata and conditional headers; containers; listing. What is not:
append and page blobs, snapshots, versions, leases, tags, tiers, copying, encryption scopes, Entra and user delegation
keys, stored access policies. A request that needs one of these is refused; it is never half obeyed.

One difference stays: names of metadata come back in lower case, where Azure keeps the case they were sent in. Names of
HTTP headers have no case, and an ASGI application never sees the one that was used.
"""

from acs_emulator.storage.account import Account, account_key_for
from acs_emulator.storage.app import StorageApp
from acs_emulator.storage.files import Files

__all__ = ["ACCOUNT_NAME", "Account", "Files", "StorageApp", "account_key_for"]

ACCOUNT_NAME = "devstoreaccount1"
"""The account's name, the one local storage emulators have by convention; the key is the emulator's own."""
