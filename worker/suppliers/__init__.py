"""Bridges for suppliers whose systems send no events: a webhook and a CSV import, both onto the same queue."""
