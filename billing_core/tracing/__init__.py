"""OpenTelemetry's traces, off unless BILLING_TRACES asks for them. docs/traces.md

Nothing here is imported while they are off: what is traced is then made of the plain classes, and costs nothing.
"""
