"""The SageMaker container: training and hosting, and the payloads both sides speak."""
