#include "log.hpp"

#include <cstdio>

#include <pjlib.h>

namespace {
void write_line(int, const char *text, int size) { std::fwrite(text, 1, std::size_t(size), stderr); }
} // namespace

void log_to_stderr(int level)
{
    pj_log_set_log_func(&write_line);
    pj_log_set_level(level);
}
