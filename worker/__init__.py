"""The process: settings, wiring, loops, everything that names AWS."""
