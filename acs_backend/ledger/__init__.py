"""Which index each message of a thread has, and how a message gets it.

`ledger` has the theory and appends to the store. `listings` and `entries` read what ACS tells of a thread. A send
goes through the `recorder`, which need not list the thread where `send_order` (this process's own sends),
`writer_lease` (those of other processes) and `foresight` (what the store will say) leave nothing open.
"""
