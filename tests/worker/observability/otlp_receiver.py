"""A stand-in for a collector: takes traces by OTLP over HTTP and keeps their spans."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Collector:
    """spans are protobuf messages, as they came; services the service.name of each."""

    url: str = ""
    spans: list = field(default_factory=list)
    services: set[str] = field(default_factory=set)
    arrival: Condition = field(default_factory=Condition)

    def take(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            said = {attribute.key: attribute.value.string_value for attribute in resource.resource.attributes}
            self.services.add(said["service.name"])
            with self.arrival:
                self.spans += [span for scope in resource.scope_spans for span in scope.spans]
                self.arrival.notify_all()

    def wait_for(self, count: int) -> None:
        """Returns when so many spans have come."""
        with self.arrival:
            assert self.arrival.wait_for(lambda: len(self.spans) >= count, timeout=10), self.spans


@contextmanager
def collecting():
    """A collector on a free port of this machine while the block runs."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            collector.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
