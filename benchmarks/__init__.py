"""Measurements of sknets: ``python -m benchmarks [suite ...]`` writes docs/benchmarks.md."""
