"""Tests of the transports, on a toy schema served by a real server."""
