"""Consumers as one would write them with each client. They run in environments of their own and import nothing of
ours: each takes the address of SQS and the name of a queue, and consumes until it is ended."""
