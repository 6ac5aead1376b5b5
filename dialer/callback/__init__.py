"""The vocabulary of the dialer: record, states, reasons, call results, options. Pure values, no I/O, no clock."""
