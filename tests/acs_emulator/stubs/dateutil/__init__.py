"""Stands in for python-dateutil."""
