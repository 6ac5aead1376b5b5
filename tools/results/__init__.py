"""Every call result and every reason that this dialer produces, each provoked by a real call.

`make results` runs the table, prints it and writes `docs/results.md`; the system tests run the same table and check
each row. Nothing here plays a part in the dialer itself.
"""
