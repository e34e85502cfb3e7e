"""State made anew from history."""
