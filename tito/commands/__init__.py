"""The commands of tito, a group a file. Each file has `register(app)`; cli.py lists them."""
