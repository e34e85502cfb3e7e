"""What stands for AWS where the worker's own speed is in question?

One process that answers SQS, DynamoDB, EventBridge, CloudWatch and SageMaker over plain HTTP from memory, as much of
each as the worker asks for and no more. What it answers is right (visibility, conditions, cancellation reasons), but
nothing is durable, throttled or signed: a figure taken against it is about the client, never about AWS. Operations,
key types and expressions that it does not know are refused, never guessed at."""
