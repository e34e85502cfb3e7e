"""One adapter a port. botocore's errors are translated here, once, and go no further in."""
