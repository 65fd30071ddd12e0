"""The stages of a run, one file each: sample, revise, supervise, feedback, prefer."""
