/* Groups by name. */
#include "group_name.h"

#include <diva/suggest.h>

#include <stdio.h>
#include <string.h>

int64_t cli_group_count(const struct diva_dataset *dataset) {
  int64_t count = 0;
  while (diva_dataset_group_name(dataset, count)) {
    count++;
  }
  return count;
}

int64_t cli_group_find(const struct diva_dataset *dataset, const char *name) {
  const char *at;
  for (int64_t g = 0; (at = diva_dataset_group_name(dataset, g)); g++) {
    if (strcmp(at, name) == 0) {
      return g;
    }
  }
  return -1;
}

const char *cli_group_hint(const struct diva_dataset *dataset, const char *name,
                           char out[CLI_HINT_SIZE]) {
  enum { SHOWN = 5 };
  const char *near = NULL;
  const char *at;
  size_t used = (size_t)snprintf(out, CLI_HINT_SIZE, "; there are: ");
  for (int64_t g = 0; (at = diva_dataset_group_name(dataset, g)); g++) {
    const char *const pair[] = {near ? near : at, at, NULL};
    near = diva_suggest(name, pair);
    if (g < SHOWN) {
      used += (size_t)snprintf(out + used, CLI_HINT_SIZE - used, "%s%.24s", g ? ", " : "", at);
    } else if (g == SHOWN) {
      used += (size_t)snprintf(out + used, CLI_HINT_SIZE - used, ", ...");
    }
  }
  if (near) {
    snprintf(out, CLI_HINT_SIZE, " (did you mean '%.100s'?)", near);
  } else if (!diva_dataset_group_name(dataset, 0)) {
    snprintf(out + used, CLI_HINT_SIZE - used, "none");
  }
  return out;
}
