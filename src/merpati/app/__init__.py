"""The process: wiring, configuration file, signals, command line."""
