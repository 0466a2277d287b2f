/* One HDF5 file, opened read-only; what can be wrong with it, told in one line. */
#define _POSIX_C_SOURCE 200809L
#include "host/dataset/hdf5_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* HDF5 keeps its state per process, so the lock that guards it has to be per process too. */
static pthread_mutex_t hdf5_lock = PTHREAD_MUTEX_INITIALIZER;

static void silence_last_words(void) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* On the way out HDF5 clears up after itself once more, and after some damaged files it then
 * complains to stderr about its own state. This runs before it does: it was registered later. */
static void expect_last_words(void) {
  atexit(silence_last_words);
}

void diva_h5_enter(struct diva_h5_scope *scope) {
  static pthread_once_t entered_once = PTHREAD_ONCE_INIT;
  pthread_mutex_lock(&hdf5_lock);
  scope->report = NULL;
  scope->context = NULL;
  H5Eget_auto2(H5E_DEFAULT, &scope->report, &scope->context);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  pthread_once(&entered_once, expect_last_words);
}

void diva_h5_leave(const struct diva_h5_scope *scope) {
  H5Eclear2(H5E_DEFAULT);
  H5Eset_auto2(H5E_DEFAULT, scope->report, scope->context);
  pthread_mutex_unlock(&hdf5_lock);
}

static herr_t keep_first(unsigned depth, const H5E_error2_t *entry, void *context) {
  char *text = context;
  if (depth == 0 && entry->desc) {
    snprintf(text, DIVA_H5_TEXT_SIZE, "%s", entry->desc);
  }
  return 0;
}

/* "file write failed: time = ..., error message = 'No space left on device', buf = ..." becomes
 * "file write failed (No space left on device)". */
static void condense(char text[DIVA_H5_TEXT_SIZE]) {
  static const char mark[] = "error message = '";
  char cause[DIVA_H5_TEXT_SIZE];
  const char *found = strstr(text, mark);
  if (!found) {
    return;
  }
  snprintf(cause, sizeof cause, "%s", found + sizeof mark - 1);
  cause[strcspn(cause, "'")] = '\0';
  size_t length = strcspn(text, ":,");
  snprintf(text + length, DIVA_H5_TEXT_SIZE - length, " (%s)", cause);
}

void diva_h5_reason(char text[DIVA_H5_TEXT_SIZE]) {
  text[0] = '\0';
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_first, text);
  if (!text[0]) {
    snprintf(text, DIVA_H5_TEXT_SIZE, "HDF5 gave no reason");
  }
  condense(text);
}

void diva_h5_close_id(hid_t *id) {
  if (*id > 0) {
    H5Idec_ref(*id);
  }
  *id = H5I_INVALID_HID;
}

static herr_t refuse_external(const char *parent_file, const char *parent_group,
                              const char *child_file, const char *child_object, unsigned *flags,
                              hid_t file_access, void *context) {
  (void)parent_file;
  (void)parent_group;
  (void)child_object;
  (void)flags;
  (void)file_access;
  struct diva_h5_file *file = context;
  snprintf(file->refused, sizeof file->refused, "%s", child_file);
  return -1;
}

struct known_format {
  const char *magic;
  size_t length;
  const char *what;
};

/* What people pass by mistake, by its first bytes; NULL for anything else. */
static const char *recognise(const char *bytes, size_t length) {
  static const struct known_format formats[] = {
      {"\x93NUMPY", 6, "a .npy array; `diva convert` makes HDF5 of it"},
      {"PK\x03\x04", 4, "a zip or .npz archive; `diva convert` makes HDF5 of .npz"},
      {"\x1f\x8b", 2, "compressed with gzip; unpack it first"},
      {"version https://git-lfs", 23, "a Git LFS pointer; fetch the file itself"},
  };
  for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
    if (length >= formats[i].length && !memcmp(bytes, formats[i].magic, formats[i].length)) {
      return formats[i].what;
    }
  }
  return NULL;
}

static enum diva_status fail_with_errno(const char *path, int code, struct diva_error *error) {
  enum diva_status status =
      code == ENOENT
          ? diva_error_set(error, DIVA_ERROR_INPUT, "%s: no such file", path)
          : diva_error_set(
                error, code == EMFILE || code == ENFILE ? DIVA_ERROR_RESOURCE : DIVA_ERROR_INPUT,
                "%s: cannot be opened: %s", path, strerror(code));
  if (error) {
    error->foreign_code = code;
  }
  return status;
}

/* Everything that can be said without HDF5. Keeps it away from FIFOs and devices, on which it would
 * wait for ever. */
static enum diva_status check_regular_file(const char *path, struct diva_error *error) {
  struct stat facts;
  if (stat(path, &facts)) {
    return fail_with_errno(path, errno, error);
  }
  if (S_ISDIR(facts.st_mode)) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: is a folder, not a file", path);
  }
  if (!S_ISREG(facts.st_mode)) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: is not a regular file", path);
  }
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return fail_with_errno(path, errno, error);
  }
  char head[32];
  ssize_t length = facts.st_size > 0 ? read(descriptor, head, sizeof head) : 0;
  int code = errno;
  close(descriptor);
  if (length < 0) {
    return fail_with_errno(path, code, error);
  }
  if (length == 0) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: is empty (0 bytes)", path);
  }
  const char *what = recognise(head, (size_t)length);
  if (what) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: is not an HDF5 file but %s", path, what);
  }
  return DIVA_OK;
}

static enum diva_status fail_to_open(const char *path, struct diva_error *error) {
  char reason[DIVA_H5_TEXT_SIZE];
  diva_h5_reason(reason);
  if (strstr(reason, "unable to lock file")) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "%s: is being written by another process (HDF5: %s)", path, reason);
  }
  if (strstr(reason, "truncated file")) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: is truncated (HDF5: %s)", path, reason);
  }
  if (H5Fis_hdf5(path) <= 0) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: is not an HDF5 file", path);
  }
  return diva_error_set(error, DIVA_ERROR_INPUT, "%s: cannot be read as HDF5: %s", path, reason);
}

static hid_t make_file_access(void) {
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  /* Strong: the file really closes, whatever handle an error path forgot. Locking is skipped only
   * where the file system has none. */
  if (access < 0 || H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) < 0 ||
      H5Pset_file_locking(access, true, true) < 0) {
    diva_h5_close_id(&access);
  }
  return access;
}

static hid_t make_link_access(struct diva_h5_file *file) {
  hid_t access = H5Pcreate(H5P_LINK_ACCESS);
  if (access < 0 || (!file->allow_external && H5Pset_elink_cb(access, refuse_external, file) < 0)) {
    diva_h5_close_id(&access);
  }
  return access;
}

enum diva_status diva_h5_file_open(struct diva_h5_file *file, const char *path, bool allow_external,
                                   struct diva_error *error) {
  *file = (struct diva_h5_file){.id = H5I_INVALID_HID,
                                .link_access = H5I_INVALID_HID,
                                .path = path,
                                .allow_external = allow_external};
  enum diva_status status = check_regular_file(path, error);
  if (status) {
    return status;
  }
  hid_t access = make_file_access();
  file->link_access = make_link_access(file);
  if (access < 0 || file->link_access < 0) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: HDF5 could not be set up", path);
    goto done;
  }
  file->id = H5Fopen(path, H5F_ACC_RDONLY, access);
  if (file->id < 0) {
    status = fail_to_open(path, error);
  }
done:
  diva_h5_close_id(&access);
  if (status) {
    diva_h5_file_close(file);
  }
  return status;
}

void diva_h5_file_close(struct diva_h5_file *file) {
  diva_h5_close_id(&file->link_access);
  if (file->id > 0) {
    H5Fclose(file->id);
  }
  file->id = H5I_INVALID_HID;
}
