"""What you stand on: homes, services, and what needs what.

It knows the declared estate as one value, with every reference resolved, and says things about it.
It must not know how a home is talked to, and it never opens a connection.
Start reading at `model`, then `sentence`.
"""
