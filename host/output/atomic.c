/** Files that appear under their name only when they are complete. */
#define _GNU_SOURCE
#include "atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static enum diva_status system_error(const char *path, const char *what, struct diva_error *error) {
  const int code = errno;
  diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: %s: %s", path, what, strerror(code));
  if (error) {
    error->foreign_code = code;
  }
  return DIVA_ERROR_RESOURCE;
}

enum diva_status diva_atomic_write_error(const char *path, struct diva_error *error) {
  return system_error(path, "cannot be written", error);
}

static void forget(struct diva_atomic_file *file) {
  free(file->path);
  free(file->temporary);
  *file = (struct diva_atomic_file){0};
}

/* The folder of a path, to be freed. */
static char *folder_of(const char *path) {
  char *copy = strdup(path);
  char *folder = copy ? strdup(dirname(copy)) : NULL;
  free(copy);
  return folder;
}

/* A missing folder is the commonest reason for a failure, and the file's errno does not say so. */
static enum diva_status creation_error(const char *path, struct diva_error *error) {
  const int code = errno;
  char *folder = folder_of(path);
  struct stat found;
  enum diva_status status = DIVA_ERROR_RESOURCE;
  if (folder && stat(folder, &found) != 0) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: folder %s: %s", path, folder,
                            strerror(errno));
  } else if (folder && !S_ISDIR(found.st_mode)) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: %s is not a folder", path, folder);
  } else {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: cannot be created in folder %s: %s",
                            path, folder ? folder : "?", strerror(code));
  }
  free(folder);
  if (error) {
    error->foreign_code = code;
  }
  return status;
}

/* Creates a name beside file->path that nobody has; returns the descriptor, or -1. */
static int create_beside(struct diva_atomic_file *file) {
  enum { TRIES = 100 };
  for (int i = 0; i < TRIES; i++) {
    if (asprintf(&file->temporary, "%s.tmp-%ld-%d", file->path, (long)getpid(), i) < 0) {
      file->temporary = NULL;
      errno = ENOMEM;
      return -1;
    }
    const int descriptor = open(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0) {
      return descriptor;
    }
    free(file->temporary);
    file->temporary = NULL;
    if (errno != EEXIST) {
      return -1;
    }
  }
  return -1;
}

/* A descriptor to write to: a new file beside, or a device or pipe in place. */
static int open_descriptor(struct diva_atomic_file *file, bool exists, mode_t mode) {
  if (exists && !S_ISREG(mode)) {
    return open(file->path, O_WRONLY | O_CLOEXEC);
  }
  const int descriptor = create_beside(file);
  /* A file made private by its owner stays private. */
  if (descriptor >= 0 && exists && fchmod(descriptor, mode & 07777) != 0) {
    const int code = errno;
    close(descriptor);
    errno = code;
    return -1;
  }
  return descriptor;
}

enum diva_status diva_atomic_open(const char *path, struct diva_atomic_file *out,
                                  struct diva_error *error) {
  *out = (struct diva_atomic_file){0};
  struct stat found = {0};
  const bool exists = stat(path, &found) == 0;
  if (exists && S_ISDIR(found.st_mode)) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: is a folder; name a file", path);
  }
  if (!*path || path[strlen(path) - 1] == '/') {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "'%s': is not the name of a file", path);
  }
  out->path = exists ? realpath(path, NULL) : strdup(path);
  const int descriptor = out->path ? open_descriptor(out, exists, found.st_mode) : -1;
  if (descriptor < 0) {
    const enum diva_status status = creation_error(path, error);
    diva_atomic_abandon(out);
    return status;
  }
  out->stream = fdopen(descriptor, "w");
  if (!out->stream) {
    const enum diva_status status = diva_atomic_write_error(path, error);
    close(descriptor);
    diva_atomic_abandon(out);
    return status;
  }
  return DIVA_OK;
}

enum diva_status diva_atomic_by_path(struct diva_atomic_file *file, const char **where,
                                     struct diva_error *error) {
  *where = file->temporary;
  if (!file->temporary) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE,
                          "%s: is a device or a pipe; this format needs a regular file",
                          file->path);
  }
  FILE *stream = file->stream;
  file->stream = NULL;
  return fclose(stream) == 0 ? DIVA_OK : diva_atomic_write_error(file->path, error);
}

enum diva_status diva_atomic_require(const struct diva_atomic_file *file, int64_t bytes,
                                     struct diva_error *error) {
  struct statvfs disk;
  if (!file->temporary || statvfs(file->temporary, &disk) != 0) {
    return DIVA_OK; /* what cannot be known beforehand shows when it is written */
  }
  const double room = (double)disk.f_bavail * (double)disk.f_frsize;
  if ((double)bytes <= room) {
    return DIVA_OK;
  }
  return diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: needs %lld bytes, the disk has %.0f left",
                        file->path, (long long)bytes, room);
}

void diva_atomic_abandon(struct diva_atomic_file *file) {
  if (file->stream) {
    fclose(file->stream);
  }
  if (file->temporary) {
    unlink(file->temporary);
  }
  forget(file);
}

/* fsync where the kind of file knows it: pipes and some devices do not. */
static bool synchronize(int descriptor) {
  return fsync(descriptor) == 0 || errno == EINVAL || errno == EROFS || errno == ENOTSUP;
}

static bool close_stream(struct diva_atomic_file *file) {
  bool good = fflush(file->stream) == 0 && !ferror(file->stream);
  int code = errno;
  if (good && !synchronize(fileno(file->stream))) {
    good = false;
    code = errno;
  }
  if (fclose(file->stream) != 0 && good) {
    good = false;
    code = errno;
  }
  file->stream = NULL;
  errno = code;
  return good;
}

static bool synchronize_path(const char *path) {
  const int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return false;
  }
  const bool good = synchronize(descriptor);
  const int code = errno;
  close(descriptor);
  errno = code;
  return good;
}

enum diva_status diva_atomic_complete(struct diva_atomic_file *file, struct diva_error *error) {
  const bool good = file->stream ? close_stream(file) : synchronize_path(file->temporary);
  return good ? DIVA_OK : diva_atomic_write_error(file->path, error);
}

static enum diva_status give_name(struct diva_atomic_file *file, struct diva_error *error) {
  if (file->temporary && rename(file->temporary, file->path) != 0) {
    return system_error(file->path, "cannot be replaced", error);
  }
  free(file->temporary);
  file->temporary = NULL;
  return DIVA_OK;
}

/* Makes the new name itself survive a crash; the data already does, so a refusal is no failure. */
static void synchronize_folder(const struct diva_atomic_file *file) {
  char *folder = folder_of(file->path);
  if (folder) {
    synchronize_path(folder);
  }
  free(folder);
}

/* A second name of the file about to be replaced, to be freed; NULL where there is none. */
static char *keep_previous(const char *path) {
  char *backup = NULL;
  if (asprintf(&backup, "%s.old-%ld", path, (long)getpid()) < 0) {
    return NULL;
  }
  if (link(path, backup) != 0) {
    free(backup);
    return NULL;
  }
  return backup;
}

/* Takes back a rename: the previous file returns, or the name goes. */
static void restore_previous(const char *path, const char *backup) {
  if (backup) {
    rename(backup, path);
  } else {
    unlink(path);
  }
}

enum diva_status diva_atomic_commit_pair(struct diva_atomic_file *first,
                                         struct diva_atomic_file *second,
                                         struct diva_error *error) {
  char *backup = NULL;
  const bool replaces_second = second && second->temporary;
  enum diva_status status = diva_atomic_complete(first, error);
  if (status == DIVA_OK && second) {
    status = diva_atomic_complete(second, error);
  }
  if (status != DIVA_OK) {
    goto done;
  }
  if (second) {
    backup = replaces_second ? keep_previous(second->path) : NULL;
    status = give_name(second, error);
    if (status != DIVA_OK) {
      goto done;
    }
  }
  status = give_name(first, error);
  if (status != DIVA_OK) {
    if (replaces_second) {
      restore_previous(second->path, backup);
    }
    goto done;
  }
  synchronize_folder(first);

done:
  if (backup) {
    unlink(backup);
  }
  free(backup);
  diva_atomic_abandon(first);
  if (second) {
    diva_atomic_abandon(second);
  }
  return status;
}

enum diva_status diva_atomic_commit(struct diva_atomic_file *file, struct diva_error *error) {
  return diva_atomic_commit_pair(file, NULL, error);
}
