"""What training, conversion, benchmarks and tests share; the installed client never imports it."""
