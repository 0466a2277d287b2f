/* The parts of a dataset and the names they have in a file. */
#define _POSIX_C_SOURCE 200809L
#include "host/dataset/schema.h"

#include <stdlib.h>
#include <string.h>

const char *diva_part_default_name(enum diva_part part) {
  static const char *const names[DIVA_PARTS] = {"features", "labels",       "targets",
                                                "ids",      "base_outputs", "weights"};
  return names[part];
}

static const char *named_by(const struct diva_dataset_options *options, enum diva_part part) {
  const char *const names[DIVA_PARTS] = {
      options->features, options->labels,       options->targets,
      options->ids,      options->base_outputs, options->weights,
  };
  return names[part];
}

enum diva_status diva_schema_make(const struct diva_dataset_options *options,
                                  struct diva_schema *out, struct diva_error *error) {
  *out = (struct diva_schema){.prefer_targets = options->targets != NULL,
                              .allow_external = options->allow_external,
                              .single_class = options->single_class,
                              .memory = options->memory};
  if (options->labels && options->targets) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "labels (%s) and targets (%s) are both named; a dataset is read with one "
                          "or the other",
                          options->labels, options->targets);
  }
  for (int part = 0; part < DIVA_PARTS; part++) {
    const char *given = named_by(options, (enum diva_part)part);
    out->parts[part].required = given || part == DIVA_PART_FEATURES;
    out->parts[part].name = strdup(given ? given : diva_part_default_name((enum diva_part)part));
    if (!out->parts[part].name) {
      diva_schema_free(out);
      return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for names");
    }
  }
  return DIVA_OK;
}

void diva_schema_free(struct diva_schema *schema) {
  for (int part = 0; part < DIVA_PARTS; part++) {
    free(schema->parts[part].name);
    schema->parts[part].name = NULL;
  }
}
