"""Small real implementations of our ports, in memory, with the faults that a test or a simulation asks for."""
