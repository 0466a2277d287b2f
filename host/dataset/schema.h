/**
 * @file schema.h
 * The parts of a dataset and the names they have in a file.
 */
#ifndef DIVA_SCHEMA_H
#define DIVA_SCHEMA_H

#include <diva/dataset.h>

enum diva_part {
  DIVA_PART_FEATURES,
  DIVA_PART_LABELS,
  DIVA_PART_TARGETS,
  DIVA_PART_IDS,
  DIVA_PART_BASE_OUTPUTS,
  DIVA_PART_WEIGHTS,
  DIVA_PART_GROUP,
  DIVA_PARTS
};

/** How a part is called, and what its absence means. Zeroed: empty. */
struct diva_part_name {
  char *name;    /**< owned; empty for a group that was not asked for */
  bool required; /**< named by the caller, or always needed */
};

struct diva_schema {
  struct diva_part_name parts[DIVA_PARTS];
  bool prefer_targets; /**< targets were named, so labels are not looked for */
  bool allow_external;
  bool single_class; /**< as in diva_dataset_options */
  enum diva_labelling labelling;
  int64_t memory; /**< as in diva_dataset_options */
};

/** Default name of a part: "features", "labels", ... */
const char *diva_part_default_name(enum diva_part part);

/** Copies what the options say. @return DIVA_ERROR_USAGE where labels and targets are both named */
enum diva_status diva_schema_make(const struct diva_dataset_options *options,
                                  struct diva_schema *out, struct diva_error *error);

/** Frees what it holds; a zeroed schema is fine. */
void diva_schema_free(struct diva_schema *schema);

#endif
