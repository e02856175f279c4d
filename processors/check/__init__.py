"""Replies in, records with evidence and rejects out. `records` leads. Pure: no disk, no network, no clock."""
