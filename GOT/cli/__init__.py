"""Command lines: argument parsing, printing and exit codes; the work is done by the packages below."""
