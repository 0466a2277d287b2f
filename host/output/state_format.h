/**
 * @file state_format.h
 * How a state lies in an HDF5 file: one-dimensional datasets, a JSON header that says how many
 * values each has, and the SHA-256 over all of them. Internal.
 */
#ifndef DIVA_OUTPUT_STATE_FORMAT_H
#define DIVA_OUTPUT_STATE_FORMAT_H

#include "host/state/state_internal.h"

#include <hdf5.h>

/** What /format of a state holds. */
#define DIVA_STATE_MAGIC  "diva state "
#define DIVA_STATE_FORMAT DIVA_STATE_MAGIC "1"

/** Texts of a file, each of terminated strings side by side. */
enum diva_state_text {
  DIVA_STATE_IDS,
  DIVA_STATE_CLASS_NAMES,
  DIVA_STATE_GROUP_NAMES,
  DIVA_STATE_PROVENANCE,
  DIVA_STATE_TEXTS
};

/** A state on its way to or from a file. */
struct diva_state_content {
  struct diva_state *state;
  char *texts[DIVA_STATE_TEXTS];
  int64_t bytes[DIVA_STATE_TEXTS];
};

enum diva_state_field_type {
  DIVA_STATE_BYTES,
  DIVA_STATE_INT32,
  DIVA_STATE_UINT64,
  DIVA_STATE_REAL
};

/** One dataset. */
struct diva_state_field {
  const char *name;
  enum diva_state_field_type type;
  int64_t count; /**< 0: absent */
  void **data;   /**< where the pointer to the values is */
};

enum { DIVA_STATE_FIELDS = 17 };

/** The datasets of a state whose info, and whose texts' lengths, are known. */
void diva_state_list_fields(struct diva_state_content *content,
                            struct diva_state_field out[DIVA_STATE_FIELDS]);

/** Bytes of one value. */
int64_t diva_state_field_size(enum diva_state_field_type type);

/** HDF5's type of it in memory, or in the file; borrowed. */
hid_t diva_state_field_memory(enum diva_state_field_type type);
hid_t diva_state_field_stored(enum diva_state_field_type type);

/** The JSON header, to be freed. */
enum diva_status diva_state_header_make(const struct diva_state_content *content, char **out,
                                        struct diva_error *error);

/** Reads info and lengths from a header; DIVA_ERROR_INPUT with what is wrong, without the path. */
enum diva_status diva_state_header_parse(const char *header, int64_t length,
                                         struct diva_state_content *out, struct diva_error *error);

/** SHA-256 of a header and of fields, names and lengths included. */
enum diva_status diva_state_digest(const char *header, int64_t length,
                                   const struct diva_state_field fields[DIVA_STATE_FIELDS],
                                   char out[DIVA_SHA256_SIZE], struct diva_error *error);

#endif
