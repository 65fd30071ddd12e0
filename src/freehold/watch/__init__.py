"""How models behave: monitors, drift alarms, probes into the model.

It knows judges and how good they are: every verdict carries its monitor's measured power.
It must not import torch outside `inside/`, and an output that nobody judged is never a pass.
Start reading at `settings`.
"""
