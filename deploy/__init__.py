"""How does Restock come into an account? Templates, the profiles that fill them in, checks, and the command of both."""
