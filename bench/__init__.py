"""Benchmarks: `make bench`. Each figure stands beside a yardstick taken in the same run, on the same machine."""
