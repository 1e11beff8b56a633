"""The composition root: settings, wiring, telemetry and the `codelab` command."""
