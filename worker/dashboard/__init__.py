"""The live page: what a planner sees of the products, and may say about them."""
