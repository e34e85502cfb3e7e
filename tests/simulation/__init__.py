"""Whole workers against an AWS in memory, in virtual time, under seeded faults."""
