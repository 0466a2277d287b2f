/* The progress of a search in place of that of its solutions. */
#include "weight_progress.h"

static bool report(void *context, const char *phase, int64_t done, int64_t total) {
  const struct diva_weight_progress *progress = context;
  (void)phase;
  (void)done;
  (void)total;
  return progress->outer->report(progress->outer->context, "finding weights", progress->done,
                                 progress->most);
}

struct diva_progress diva_weight_progress_of(struct diva_weight_progress *progress) {
  return progress->outer->report ? (struct diva_progress){.report = report, .context = progress}
                                 : (struct diva_progress){0};
}
