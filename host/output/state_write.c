/** States written: HDF5, the same bytes for the same content. */
#define _POSIX_C_SOURCE 200809L
#include "state_format.h"

#include "host/core/core.h"
#include "host/output/atomic.h"
#include "host/output/hdf5_out.h"
#include "host/output/sidecar.h"

#include <stdlib.h>
#include <string.h>

static enum diva_status write_values(const struct diva_h5_out *out, const char *name,
                                     enum diva_state_field_type type, int64_t count,
                                     const void *data, struct diva_error *error) {
  hid_t dataset = H5I_INVALID_HID;
  enum diva_status status =
      diva_h5_out_dataset(out, name, diva_state_field_stored(type), 1, &count, &dataset, error);
  if (status == DIVA_OK) {
    status = diva_h5_out_rows(out, dataset, diva_state_field_memory(type), 0, count, data, error);
  }
  diva_h5_close_id(&dataset);
  return status;
}

static enum diva_status write_text(const struct diva_h5_out *out, const char *name,
                                   const char *text, struct diva_error *error) {
  return write_values(out, name, DIVA_STATE_BYTES, (int64_t)strlen(text), text, error);
}

static enum diva_status write_all(const struct diva_h5_out *out, const char *header,
                                  const struct diva_state_field fields[DIVA_STATE_FIELDS],
                                  struct diva_error *error) {
  char digest[DIVA_SHA256_SIZE];
  enum diva_status status =
      diva_state_digest(header, (int64_t)strlen(header), fields, digest, error);
  if (status == DIVA_OK) {
    status = write_text(out, "format", DIVA_STATE_FORMAT, error);
  }
  if (status == DIVA_OK) {
    status = write_text(out, "header", header, error);
  }
  if (status == DIVA_OK) {
    status = write_text(out, "sha256", digest, error);
  }
  for (int i = 0; i < DIVA_STATE_FIELDS && status == DIVA_OK; i++) {
    if (fields[i].count > 0) {
      status = write_values(out, fields[i].name, fields[i].type, fields[i].count, *fields[i].data,
                            error);
    }
  }
  return status;
}

/* The content borrows from the state, which is not changed by being written. */
static struct diva_state_content borrow_content(struct diva_state *state, char *provenance) {
  const struct diva_string_table *tables[] = {&state->ids, &state->class_names,
                                              &state->group_names};
  struct diva_state_content content = {.state = state};
  for (int i = 0; i < DIVA_STATE_PROVENANCE; i++) {
    content.texts[i] = tables[i]->bytes;
    content.bytes[i] = tables[i]->used;
  }
  content.texts[DIVA_STATE_PROVENANCE] = provenance;
  content.bytes[DIVA_STATE_PROVENANCE] = provenance ? (int64_t)strlen(provenance) : 0;
  return content;
}

static enum diva_status write_file(struct diva_state_content *content, const char *where,
                                   const char *path, struct diva_error *error) {
  struct diva_state_field fields[DIVA_STATE_FIELDS];
  struct diva_h5_out out = {.file = H5I_INVALID_HID};
  struct diva_h5_scope scope;
  char *header = NULL;
  diva_state_list_fields(content, fields);
  enum diva_status status = diva_state_header_make(content, &header, error);
  if (status != DIVA_OK) {
    return status;
  }
  diva_h5_enter(&scope);
  status = diva_h5_out_create(where, path, &out, error);
  if (status == DIVA_OK) {
    status = write_all(&out, header, fields, error);
  }
  const enum diva_status closed = diva_h5_out_close(&out, status == DIVA_OK ? error : NULL);
  diva_h5_leave(&scope);
  free(header);
  return status == DIVA_OK ? closed : status;
}

enum diva_status diva_state_write(const struct diva_state *state, const char *path,
                                  const struct diva_dataset *inputs, const char *provenance,
                                  struct diva_error *error) {
  struct diva_state copy = *state;
  char *text = provenance ? strdup(provenance) : NULL;
  struct diva_state_content content = borrow_content(&copy, text);
  struct diva_atomic_file file = {0};
  struct diva_atomic_file sidecar = {0};
  const char *where = NULL;
  if (provenance && !text) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for a provenance");
  }
  enum diva_status status = diva_sidecar_refuse_input(inputs, path, error);
  if (status == DIVA_OK) {
    status = diva_atomic_open(path, &file, error);
  }
  if (status == DIVA_OK) {
    status = diva_atomic_by_path(&file, &where, error);
  }
  if (status == DIVA_OK && provenance) {
    status = diva_sidecar_write(path, provenance, inputs, &sidecar, error);
  }
  if (status == DIVA_OK) {
    status = write_file(&content, where, path, error);
  }
  free(text);
  if (status == DIVA_OK) {
    return diva_atomic_commit_pair(&file, provenance ? &sidecar : NULL, error);
  }
  diva_atomic_abandon(&sidecar);
  diva_atomic_abandon(&file);
  return status;
}
