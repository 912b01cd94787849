"""Plain helpers that import nothing else of ours."""
