"""Sales in, feature rows out, without any I/O: ours beside what else one might build it on."""
