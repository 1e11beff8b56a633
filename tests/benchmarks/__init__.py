"""What the benchmarks measure with, where a slip would falsify figures."""
