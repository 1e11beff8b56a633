"""Tests of the published clients against live servers."""
