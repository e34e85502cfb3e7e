"""Business rules from a file or a table: what they may say, how they are read, where they lie."""
