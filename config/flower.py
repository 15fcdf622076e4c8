"""Flower's options, by its own names: `celery -A workers.app flower --conf=config/flower.py`.

Flower runs this file as a script and takes from it the variables that are called like its options.
"""

from config.loading import load_settings

port = load_settings().flower_port

# Whoever reaches Flower can stop workers, and without further options it asks nobody for a password. From elsewhere
# it is reached through a tunnel, or a proxy that knows who may.
address = "127.0.0.1"

# Flower's own 100,000 tasks would take hundreds of MB of memory. It is a view of the last minutes, never the record.
max_tasks = 10_000
