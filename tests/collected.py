"""What is to arrive behind a Collector of deploy/monitoring, of what a service of ours sends to it."""

from __future__ import annotations

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def as_passed(sent: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    """The same, without the library's name, and with the attributes in the order of the list."""
    passed = ExportTraceServiceRequest()
    passed.CopyFrom(sent)
    for of_resource in passed.resource_spans:
        for of_scope in of_resource.scope_spans:
            of_scope.scope.Clear()
            for one in of_scope.spans:
                one.attributes.sort(key=lambda pair: pair.key)
    return passed


def whole(request: ExportTraceServiceRequest) -> bytes:
    """All of it, with what the program that reads it doesn't know."""
    for of_resource in request.resource_spans:
        of_resource.resource.SetInParent()
        for of_scope in of_resource.scope_spans:
            of_scope.scope.SetInParent()
            for one in of_scope.spans:
                one.status.SetInParent()
    return request.SerializeToString(deterministic=True)
