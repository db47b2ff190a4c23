"""Tests of the ledger: which index each message has."""
