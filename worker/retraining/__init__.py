"""A new model: trained, judged on days it has not seen, and put in front of the worker step by step."""
