"""Questions about speed, one file each: `python -m bench.<question>` measures, prints and writes its table.

`harness` is the only shared part. Peers run side by side in the same run, round by round, so that what else
the machine is doing falls on all of them alike. Results are committed in bench/results/ with machine and
commit.
"""
