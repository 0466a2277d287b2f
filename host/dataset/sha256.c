/* SHA-256 of the files of a dataset, for the record of where a result came from. */
#define _GNU_SOURCE
#include "host/dataset/digests.h"

#include "host/core/core.h"
#include "host/dataset/dataset_internal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 1 << 20 };

/** Guarded by its thread: nobody else touches the texts until it has been joined. */
struct diva_digests {
  const struct diva_path_list *paths;
  char (*texts)[DIVA_SHA256_SIZE]; /* one a file; "" until computed */
  pthread_t thread;
  bool running;
  atomic_bool stop;
};

static enum diva_status digest_file(FILE *file, EVP_MD_CTX *digest, const char *path,
                                    const atomic_bool *stop, struct diva_error *error) {
  unsigned char *block = malloc(BLOCK_SIZE);
  enum diva_status status = DIVA_OK;
  size_t length = 1;
  if (!block) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory to read %s", path);
  }
  while (!status && (length = fread(block, 1, BLOCK_SIZE, file)) > 0) {
    if (atomic_load(stop)) {
      status = diva_error_set(error, DIVA_ERROR_CANCELLED, "%s: SHA-256 was stopped", path);
    } else if (!EVP_DigestUpdate(digest, block, length)) {
      status = diva_error_set(error, DIVA_ERROR_INTERNAL, "%s: SHA-256 failed", path);
    }
  }
  if (!status && ferror(file)) {
    status =
        diva_error_set(error, DIVA_ERROR_INPUT, "%s: cannot be read: %s", path, strerror(errno));
  }
  free(block);
  return status;
}

static void format_hex(const unsigned char *bytes, size_t count, char *out) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < count; i++) {
    out[2 * i] = digits[bytes[i] >> 4];
    out[2 * i + 1] = digits[bytes[i] & 15];
  }
  out[2 * count] = '\0';
}

static enum diva_status digest_path(const char *path, const atomic_bool *stop,
                                    char out[DIVA_SHA256_SIZE], struct diva_error *error) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  FILE *stream = fopen(path, "rbe");
  if (!stream) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: cannot be opened: %s", path,
                          strerror(errno));
  }
  EVP_MD_CTX *digest = EVP_MD_CTX_new();
  enum diva_status status = DIVA_OK;
  if (!digest || !EVP_DigestInit_ex(digest, EVP_sha256(), NULL)) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "OpenSSL offers no SHA-256");
  } else {
    status = digest_file(stream, digest, path, stop, error);
  }
  if (!status && !EVP_DigestFinal_ex(digest, bytes, NULL)) {
    status = diva_error_set(error, DIVA_ERROR_INTERNAL, "%s: SHA-256 failed", path);
  }
  if (!status) {
    format_hex(bytes, (DIVA_SHA256_SIZE - 1) / 2, out);
  }
  EVP_MD_CTX_free(digest);
  fclose(stream);
  return status;
}

enum diva_status diva_digests_create(const struct diva_path_list *paths, struct diva_digests **out,
                                     struct diva_error *error) {
  void *memory = NULL;
  void *texts = NULL;
  enum diva_status status =
      diva_allocate(1, (int64_t)sizeof(struct diva_digests), "digests", &memory, error);
  *out = memory;
  if (!status) {
    (*out)->paths = paths;
    atomic_init(&(*out)->stop, false);
    status = diva_allocate(paths->count, DIVA_SHA256_SIZE, "digests", &texts, error);
    (*out)->texts = texts;
  }
  return status;
}

/* Whether the thread works only while a core is idle. Best effort: where the system refuses, the
 * digest merely competes with the analysis. */
static void set_idle(struct diva_digests *digests, bool idle) {
  const struct sched_param parameters = {0};
  pthread_setschedparam(digests->thread, idle ? SCHED_IDLE : SCHED_OTHER, &parameters);
}

static void join(struct diva_digests *digests) {
  if (digests->running) {
    set_idle(digests, false);
    pthread_join(digests->thread, NULL);
    digests->running = false;
  }
}

void diva_digests_destroy(struct diva_digests *digests) {
  if (digests) {
    atomic_store(&digests->stop, true);
    join(digests);
    free(digests->texts);
    free(digests);
  }
}

/* What fails here is tried again, and reported, when it is asked for. */
static void *digest_all(void *context) {
  struct diva_digests *digests = context;
  for (int64_t i = 0; i < digests->paths->count; i++) {
    if (digest_path(digests->paths->paths[i], &digests->stop, digests->texts[i], NULL)) {
      digests->texts[i][0] = '\0';
    }
  }
  return NULL;
}

void diva_dataset_sha256_start(const struct diva_dataset *dataset) {
  struct diva_digests *digests = dataset->digests;
  if (digests && !digests->running && !digests->texts[0][0]) {
    digests->running = pthread_create(&digests->thread, NULL, digest_all, digests) == 0;
    if (digests->running) {
      set_idle(digests, true);
    }
  }
}

enum diva_status diva_dataset_sha256(const struct diva_dataset *dataset, int64_t file,
                                     char out[DIVA_SHA256_SIZE], struct diva_error *error) {
  const char *path = diva_dataset_path(dataset, file);
  struct diva_digests *digests = dataset->digests;
  if (!path || !digests) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "the dataset has no file %lld", (long long)file);
  }
  join(digests);
  char *text = digests->texts[file];
  const enum diva_status status =
      text[0] ? DIVA_OK : digest_path(path, &digests->stop, text, error);
  memcpy(out, text, DIVA_SHA256_SIZE);
  return status;
}
