"""What can be seen of a worker from outside: its pulse, its metrics by Prometheus, its traces by OpenTelemetry."""
