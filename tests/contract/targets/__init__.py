"""The places where a port's contract is run: one object each, which opens the place and empties it for every test."""
