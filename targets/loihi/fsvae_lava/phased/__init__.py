"""The one process that is not in Lava's library. Lava imports every file beside a process to find its models, so nothing else lives here."""
