/**
 * @file row_ids.h
 * Rows by their ids.
 */
#ifndef DIVA_CLI_ROW_IDS_H
#define DIVA_CLI_ROW_IDS_H

#include <diva/dataset.h>

struct cli_row_id;

/** The ids of a dataset, sorted. Zeroed: none. */
struct cli_row_ids {
  const struct diva_dataset *dataset; /**< borrowed */
  int64_t rows;
  struct cli_row_id *sorted; /**< NULL where ids are row numbers */
};

/** @return DIVA_ERROR_RESOURCE */
enum diva_status cli_row_ids_open(struct cli_row_ids *ids, const struct diva_dataset *dataset,
                                  struct diva_error *error);

/** The row of an id, -1 for none. */
int64_t cli_row_ids_find(const struct cli_row_ids *ids, const char *id);

enum { CLI_HINT_SIZE = 160 };

/** What to say after an id that no row has: " (did you mean 'digit-0001'?)", or which there are. */
const char *cli_row_ids_hint(const struct cli_row_ids *ids, const char *id,
                             char out[CLI_HINT_SIZE]);

void cli_row_ids_close(struct cli_row_ids *ids);

#endif
