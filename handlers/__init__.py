"""What to do when something happens. One use case a file; awaits ports only."""
