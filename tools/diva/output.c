/* Files the program writes itself: checked early, written beside, renamed when all is done. */
#define _POSIX_C_SOURCE 200809L

#include "output.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum diva_status refuse(const char *path, int code, struct diva_error *error) {
  diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: %s", path, strerror(code));
  error->foreign_code = code;
  return DIVA_ERROR_RESOURCE;
}

/* The folder of a path as a new string, NULL without memory. */
static char *folder_of(const char *path) {
  const char *slash = strrchr(path, '/');
  const char *name = !slash ? "." : slash == path ? "/" : path;
  size_t length = name == path ? (size_t)(slash - path) : 1;
  return strndup(name, length);
}

static enum diva_status refuse_input(const char *path, struct diva_error *error) {
  return diva_error_set(error, DIVA_ERROR_USAGE,
                        "%s: is an input, and would be written over; choose another name", path);
}

static enum diva_status check_folder(const char *path, struct diva_error *error) {
  struct stat about;
  char *folder = folder_of(path);
  enum diva_status status = DIVA_OK;
  if (!folder) {
    return refuse(path, ENOMEM, error);
  }
  int code = stat(folder, &about) ? errno : S_ISDIR(about.st_mode) ? 0 : ENOTDIR;
  if (!code && access(folder, W_OK | X_OK)) {
    code = errno;
  }
  if (code) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: folder '%s': %s", path, folder,
                            strerror(code));
  }
  free(folder);
  return status;
}

static bool is_file_of(const struct stat *about, const struct diva_dataset *dataset) {
  const char *path;
  struct stat other;
  for (int64_t i = 0; dataset && (path = diva_dataset_path(dataset, i)); i++) {
    if (stat(path, &other) == 0 && other.st_dev == about->st_dev && other.st_ino == about->st_ino) {
      return true;
    }
  }
  return false;
}

enum diva_status cli_output_check(const char *path, const struct diva_dataset *dataset,
                                  const struct diva_dataset *validation, struct diva_error *error) {
  struct stat about;
  enum diva_status status = check_folder(path, error);
  if (status || stat(path, &about)) {
    return status;
  }
  if (S_ISDIR(about.st_mode)) {
    return refuse(path, EISDIR, error);
  }
  if (!S_ISREG(about.st_mode)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%s: not a regular file; '-' stands for standard output", path);
  }
  if (is_file_of(&about, dataset) || is_file_of(&about, validation)) {
    return refuse_input(path, error);
  }
  return DIVA_OK;
}

enum diva_status cli_output_check_pair(const char *path, const struct diva_dataset *dataset,
                                       const struct diva_dataset *validation,
                                       struct diva_error *error) {
  struct cli_staged sidecar;
  enum diva_status status = cli_output_check(path, dataset, validation, error);
  if (status) {
    return status;
  }
  status = cli_staged_name(&sidecar, path, CLI_PROVENANCE_SUFFIX, error);
  if (!status) {
    status = cli_output_check(sidecar.path, dataset, validation, error);
    cli_staged_abandon(&sidecar);
  }
  return status;
}

static bool is_same_inode(const char *a, const char *b) {
  struct stat one, other;
  return stat(a, &one) == 0 && stat(b, &other) == 0 && one.st_dev == other.st_dev &&
         one.st_ino == other.st_ino;
}

enum diva_status cli_output_check_input(const char *path, const char *input,
                                        struct diva_error *error) {
  struct cli_staged sidecar;
  if (is_same_inode(path, input)) {
    return refuse_input(path, error);
  }
  enum diva_status status = cli_staged_name(&sidecar, path, CLI_PROVENANCE_SUFFIX, error);
  if (!status && is_same_inode(sidecar.path, input)) {
    status = refuse_input(sidecar.path, error);
  }
  cli_staged_abandon(&sidecar);
  return status;
}

static const char *name_in_folder(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? slash + 1 : path;
}

/* The same name in the same folder, or one file that is there already. */
static bool is_same_target(const char *a, const char *b, bool *same) {
  char *folders[2] = {folder_of(a), folder_of(b)};
  bool done = folders[0] && folders[1];
  if (done) {
    bool together = strcmp(folders[0], folders[1]) == 0 || is_same_inode(folders[0], folders[1]);
    *same = (together && strcmp(name_in_folder(a), name_in_folder(b)) == 0) || is_same_inode(a, b);
  }
  free(folders[0]);
  free(folders[1]);
  return done;
}

enum diva_status cli_output_check_distinct(const struct cli_named_output *a,
                                           const struct cli_named_output *b,
                                           struct diva_error *error) {
  const char *const suffixes[] = {"", CLI_PROVENANCE_SUFFIX};
  enum diva_status status = DIVA_OK;
  for (int i = 0; !status && i < 4; i++) {
    struct cli_staged one = {0};
    struct cli_staged other = {0};
    bool same = false;
    status = cli_staged_name(&one, a->path, suffixes[i / 2], error);
    if (!status) {
      status = cli_staged_name(&other, b->path, suffixes[i % 2], error);
    }
    if (!status && !is_same_target(one.path, other.path, &same)) {
      status = refuse(a->path, ENOMEM, error);
    } else if (!status && same) {
      status =
          diva_error_set(error, DIVA_ERROR_USAGE, "%s (of %s) and %s (of %s) are the same file",
                         one.path, a->option, other.path, b->option);
    }
    cli_staged_abandon(&other);
    cli_staged_abandon(&one);
  }
  return status;
}

static void mask_pipe(int how) {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(how, &pipe, NULL);
}

static bool pipe_is_pending(void) {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) > 0;
}

enum diva_status cli_line_print(const char *line, struct diva_error *error) {
  mask_pipe(SIG_BLOCK);
  errno = 0;
  if ((puts(line) < 0 || fflush(stdout)) && !pipe_is_pending()) {
    return refuse("standard output", errno ? errno : EIO, error);
  }
  return DIVA_OK;
}

void cli_pipe_release(void) {
  mask_pipe(SIG_UNBLOCK);
}

enum diva_status cli_staged_name(struct cli_staged *staged, const char *path, const char *suffix,
                                 struct diva_error *error) {
  const size_t process_digits = 32;
  size_t length = strlen(path) + strlen(suffix);
  *staged =
      (struct cli_staged){.path = malloc(length + 1), .temporary = malloc(length + process_digits)};
  if (!staged->path || !staged->temporary) {
    cli_staged_abandon(staged);
    return refuse(path, ENOMEM, error);
  }
  snprintf(staged->path, length + 1, "%s%s", path, suffix);
  snprintf(staged->temporary, length + process_digits, "%s%s.part-%ld", path, suffix,
           (long)getpid());
  return DIVA_OK;
}

void cli_staged_rename_error(const struct cli_staged *staged, struct diva_error *error) {
  size_t length = strlen(staged->temporary);
  if (strncmp(error->message, staged->temporary, length) == 0) {
    memmove(error->message, error->message + length, strlen(error->message + length) + 1);
    diva_error_prefix(error, "%s", staged->path);
  }
}

enum diva_status cli_staged_write(const struct cli_staged *staged, const char *text,
                                  struct diva_error *error) {
  FILE *file = fopen(staged->temporary, "wx");
  if (!file) {
    return refuse(staged->path, errno, error);
  }
  errno = 0;
  bool failed = fprintf(file, "%s\n", text) < 0 || fflush(file) || fsync(fileno(file));
  int code = errno ? errno : EIO;
  if (fclose(file) && !failed) {
    failed = true;
    code = errno;
  }
  return failed ? refuse(staged->path, code, error) : DIVA_OK;
}

enum diva_status cli_staged_commit(struct cli_staged *staged, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  if (rename(staged->temporary, staged->path)) {
    status = refuse(staged->path, errno, error);
  } else {
    free(staged->temporary);
    staged->temporary = NULL;
  }
  cli_staged_abandon(staged);
  return status;
}

void cli_staged_abandon(struct cli_staged *staged) {
  if (staged->temporary) {
    unlink(staged->temporary);
  }
  free(staged->temporary);
  free(staged->path);
  *staged = (struct cli_staged){0};
}
