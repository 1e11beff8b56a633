"""The engine: admission, claims, leases, workers."""
