"""Tests of the storage account."""
