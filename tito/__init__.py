"""The course machinery and its command line."""
