/**
 * @file meter.h
 * Where a run is, on one line of a terminal; and the question whether to stop.
 */
#ifndef DIVA_CLI_METER_H
#define DIVA_CLI_METER_H

#include <diva/progress.h>

struct cli_meter {
  double started; /**< seconds of a clock that only goes forward */
  double shown;   /**< when the line was last rewritten */
  int length;     /**< columns to erase, 0: nothing is shown */
  bool enabled;   /**< a person is watching */
};

/** Starts the clock; the line appears only on a terminal, unless `quiet`, after a second. */
void cli_meter_start(struct cli_meter *meter, bool quiet);

/** For the library; stops the run when a signal has asked for it. */
struct diva_progress cli_meter_progress(struct cli_meter *meter);

/** Erases the line. */
void cli_meter_clear(struct cli_meter *meter);

/** Seconds since the start. */
double cli_meter_seconds(const struct cli_meter *meter);

#endif
