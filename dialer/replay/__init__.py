"""Recordings in, verdicts out: readers, replay through the detector bank, evaluation, tuning and plots.

The same bank listens as on a live call, so a recording gives the verdict the call would have got. This room must
never decide anything about what was heard: it only feeds samples and reports.
"""
