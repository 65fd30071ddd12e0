"""python -m freehold"""

from freehold.cli.main import main

main()
