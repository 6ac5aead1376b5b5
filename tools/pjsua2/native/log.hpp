/* Where the library's log goes: standard error, never standard output, which belongs to the program's own words. */
#ifndef DIALER_LOG_HPP
#define DIALER_LOG_HPP

/* Before libCreate(), and again after libInit(), which sets a writer of its own. level: 0 (nothing) to 4. */
void log_to_stderr(int level);

#endif
