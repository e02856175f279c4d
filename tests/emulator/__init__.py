"""A Kimi emulator: HTTP requests come in on 127.0.0.1, replies as Moonshot's API would give go out. Lead file: server.

It is an independent witness: it imports nothing of the project, and its prices, limits and rules are its own data.
Marks on the numbers: [D] documented by Moonshot, [C] seen in client code or probes, [I] inferred, so a setting.
It also speaks the dialects of other providers (`Config(dialect="zai")`, see dialects.py).
Start it with `python -m tests.emulator --tier 1 --time-scale 20 --port 0`, or in a test with `fixture.running(Config(...))`.
"""
