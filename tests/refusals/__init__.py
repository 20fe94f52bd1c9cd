"""Bad calls of the public API, by subject: `python -m refusals` makes them and writes what each did."""
