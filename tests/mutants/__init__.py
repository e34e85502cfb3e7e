"""Do the tests notice a bug? Realistic mistakes, planted one at a time, and which layer sees each first."""
