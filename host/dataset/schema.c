/* The parts of a dataset and the names they have in a file. */
#include "host/dataset/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *diva_part_default_name(enum diva_part part) {
  static const char *const names[DIVA_PARTS] = {"features",     "labels",  "targets", "ids",
                                                "base_outputs", "weights", ""};
  return names[part];
}

static const char *named_by(const struct diva_dataset_options *options, enum diva_part part) {
  const char *const names[DIVA_PARTS] = {
      options->features,     options->labels,  options->targets, options->ids,
      options->base_outputs, options->weights, options->group,
  };
  return names[part];
}

/* A name the caller is to free: as given, but for a group, which has a folder of its own. */
static char *copy_name(enum diva_part part, const char *given) {
  static const char folder[] = "groups/";
  const char *name = given ? given : diva_part_default_name(part);
  const bool inside = part == DIVA_PART_GROUP && given && given[0] != '/';
  const size_t size = (inside ? strlen(folder) : 0) + strlen(name) + 1;
  char *copy = malloc(size);
  if (copy) {
    snprintf(copy, size, "%s%s", inside ? folder : "", name);
  }
  return copy;
}

enum diva_status diva_schema_make(const struct diva_dataset_options *options,
                                  struct diva_schema *out, struct diva_error *error) {
  *out = (struct diva_schema){.prefer_targets = options->targets != NULL,
                              .labelling = options->labelling,
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
    out->parts[part].name = copy_name((enum diva_part)part, given);
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
