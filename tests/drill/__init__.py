"""A bad day, played through: a bad deploy spoils part of the sales, and the documented commands bring them back."""
