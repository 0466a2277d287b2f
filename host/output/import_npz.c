/** A dataset file from the arrays of a .npz archive, stored or deflated. */
#define _POSIX_C_SOURCE 200809L
#include "import.h"

#include "host/core/core.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

/* Names a role goes by, the first that is there is taken, and its name in the dataset file. */
struct role_names {
  enum diva_role role;
  const char *dataset;
  const char *names[4];
};

static const struct role_names *role_table(size_t *count) {
  static const struct role_names table[] = {
      {DIVA_ROLE_CLASS_NAMES, "class_names", {"class_names"}},
      {DIVA_ROLE_FEATURES, "features", {"features", "X", "x", "embeddings"}},
      {DIVA_ROLE_LABELS, "labels", {"labels", "y", "label"}},
      {DIVA_ROLE_IDS, "ids", {"ids", "id"}},
      {DIVA_ROLE_PER_ROW, "targets", {"targets"}},
      {DIVA_ROLE_PER_ROW, "base_outputs", {"base_outputs"}},
      {DIVA_ROLE_PER_ROW, "weights", {"weights"}},
  };
  *count = sizeof table / sizeof *table;
  return table;
}

static int64_t read_member(void *context, void *out, int64_t bytes) {
  zip_file_t *const member = context;
  int64_t done = 0;
  while (done < bytes) {
    const zip_int64_t got = zip_fread(member, (char *)out + done, (zip_uint64_t)(bytes - done));
    if (got < 0) {
      return -1;
    }
    if (got == 0) {
      break;
    }
    done += got;
  }
  return done;
}

/* "NAME" of a member "NAME.npy" into `out`; false for any other member, and for a name that would
 * be no path of an HDF5 file. */
static bool array_name(const char *member, char *out, size_t size) {
  const size_t length = member ? strlen(member) : 0;
  if (length <= 4 || length - 4 >= size || strcmp(member + length - 4, ".npy") != 0) {
    return false;
  }
  memcpy(out, member, length - 4);
  out[length - 4] = '\0';
  return out[0] != '/' && out[length - 5] != '/' && !strstr(out, "//") && strcmp(out, ".") != 0 &&
         strncmp(out, "./", 2) != 0 && !strstr(out, "/./");
}

/* The checksum is compared at the end of a member, and damaged data may be longer than it was. */
static enum diva_status check_end(zip_file_t *member, const char *source,
                                  struct diva_error *error) {
  char rest;
  const int64_t got = read_member(member, &rest, 1);
  if (got == 0) {
    return DIVA_OK;
  }
  return diva_error_set(error, DIVA_ERROR_INPUT, "%s: damaged data: %s", source,
                        got > 0 ? "more than its header claims" : zip_file_strerror(member));
}

static enum diva_status import_member(zip_t *archive, zip_uint64_t index, const char *from,
                                      enum diva_role role, const char *name,
                                      struct diva_import *import, struct diva_error *error) {
  struct diva_array array = {0};
  zip_stat_t facts;
  zip_stat_init(&facts);
  char source[sizeof import->source];
  snprintf(source, sizeof source, "%s: %s", from, zip_get_name(archive, index, 0));
  zip_file_t *const member = zip_fopen_index(archive, index, 0);
  if (!member || zip_stat_index(archive, index, 0, &facts) != 0) {
    if (member) {
      zip_fclose(member);
    }
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: cannot be read: %s", source,
                          zip_strerror(archive));
  }
  const struct diva_byte_stream stream = {.read = read_member, .context = member};
  const int64_t size =
      facts.valid & ZIP_STAT_SIZE && facts.size <= INT64_MAX ? (int64_t)facts.size : -1;
  enum diva_status status = diva_array_open(&stream, size, NULL, source, &array, error);
  if (status == DIVA_OK) {
    status = diva_import_array(import, role, name, &array, error);
  }
  if (status == DIVA_OK) {
    status = check_end(member, source, error);
  }
  diva_array_close(&array);
  zip_fclose(member);
  return status;
}

/* Index of the member for a role; -1: none of its names is there. */
static int64_t find_role(zip_t *archive, const struct role_names *role) {
  const size_t most = sizeof role->names / sizeof *role->names;
  for (size_t i = 0; i < most && role->names[i]; i++) {
    char member[64];
    snprintf(member, sizeof member, "%s.npy", role->names[i]);
    const zip_int64_t index = zip_name_locate(archive, member, 0);
    if (index >= 0) {
      return index;
    }
  }
  return -1;
}

/* The arrays with a role to play, marked as taken. */
static enum diva_status import_roles(zip_t *archive, const char *from, bool *taken,
                                     struct diva_import *import, struct diva_error *error) {
  size_t count;
  const struct role_names *const roles = role_table(&count);
  enum diva_status status = DIVA_OK;
  for (size_t i = 0; i < count && status == DIVA_OK; i++) {
    const int64_t index = find_role(archive, &roles[i]);
    if (index >= 0) {
      taken[index] = true;
      status = import_member(archive, (zip_uint64_t)index, from, roles[i].role, roles[i].dataset,
                             import, error);
    } else if (roles[i].role == DIVA_ROLE_FEATURES) {
      status = diva_error_set(error, DIVA_ERROR_INPUT,
                              "%s: has no array named features, X, x or embeddings", from);
    }
  }
  return status;
}

static enum diva_status import_others(zip_t *archive, const char *from, int64_t members,
                                      const bool *taken, struct diva_import *import,
                                      struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; i < members && status == DIVA_OK; i++) {
    char name[256];
    const char *const member = zip_get_name(archive, (zip_uint64_t)i, 0);
    if (taken[i]) {
      continue;
    }
    if (!array_name(member, name, sizeof name)) {
      return diva_error_set(error, DIVA_ERROR_INPUT, "%s: member '%s' is not the .npy of an array",
                            from, member ? member : "?");
    }
    status = import_member(archive, (zip_uint64_t)i, from, DIVA_ROLE_OTHER, name, import, error);
  }
  return status;
}

enum diva_status diva_import_npz(const char *from, struct diva_import *import,
                                 struct diva_error *error) {
  int code = 0;
  zip_t *const archive = zip_open(from, ZIP_RDONLY, &code);
  if (!archive) {
    zip_error_t cause;
    zip_error_init_with_code(&cause, code);
    const enum diva_status status =
        diva_error_set(error, DIVA_ERROR_INPUT, "%s: cannot be read as .npz: %s", from,
                       zip_error_strerror(&cause));
    zip_error_fini(&cause);
    return status;
  }
  const int64_t members = zip_get_num_entries(archive, 0);
  void *taken = NULL;
  enum diva_status status = diva_allocate(members, sizeof(bool), "members", &taken, error);
  if (status == DIVA_OK) {
    status = import_roles(archive, from, taken, import, error);
  }
  if (status == DIVA_OK) {
    status = import_others(archive, from, members, taken, import, error);
  }
  free(taken);
  zip_discard(archive);
  return status;
}
