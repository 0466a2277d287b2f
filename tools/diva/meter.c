/* Where a run is, on one line of a terminal; and the question whether to stop. */
#define _POSIX_C_SOURCE 200809L

#include "meter.h"
#include "signals.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void cli_meter_start(struct cli_meter *meter, bool quiet) {
  *meter = (struct cli_meter){.started = now(), .enabled = !quiet && isatty(STDERR_FILENO)};
}

double cli_meter_seconds(const struct cli_meter *meter) {
  return now() - meter->started;
}

static void show(struct cli_meter *meter, const char *phase, int64_t done, int64_t total) {
  const double least_run = 1, least_pause = 0.1;
  char line[64];
  double time = now();
  if (time - meter->started < least_run || time - meter->shown < least_pause) {
    return;
  }
  int length = snprintf(line, sizeof line, "%.40s", phase);
  if (total > 0) {
    double percent = 100 * (double)done / (double)total;
    length = snprintf(line, sizeof line, "%.40s %3.0f %%", phase, percent);
  }
  fprintf(stderr, "\r%-*s", meter->length, line);
  fflush(stderr);
  meter->length = length > meter->length ? length : meter->length;
  meter->shown = time;
}

static bool report(void *context, const char *phase, int64_t done, int64_t total) {
  struct cli_meter *meter = context;
  if (meter->enabled) {
    show(meter, phase, done, total);
  }
  return cli_signal_pending() != 0;
}

struct diva_progress cli_meter_progress(struct cli_meter *meter) {
  return (struct diva_progress){.report = report, .context = meter};
}

void cli_meter_clear(struct cli_meter *meter) {
  if (meter->length) {
    fprintf(stderr, "\r%*s\r", meter->length, "");
    fflush(stderr);
    meter->length = 0;
  }
}
