/* SHA-256 of a file of a dataset, for the record of where a result came from. */
#define _POSIX_C_SOURCE 200809L
#include "host/dataset/dataset_internal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 1 << 20 };

static enum diva_status digest_file(FILE *file, EVP_MD_CTX *digest, const char *path,
                                    struct diva_error *error) {
  unsigned char *block = malloc(BLOCK_SIZE);
  enum diva_status status = DIVA_OK;
  size_t length = 1;
  if (!block) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory to read %s", path);
  }
  while (!status && (length = fread(block, 1, BLOCK_SIZE, file)) > 0) {
    if (!EVP_DigestUpdate(digest, block, length)) {
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

static enum diva_status digest_path(const char *path, char out[DIVA_SHA256_SIZE],
                                    struct diva_error *error) {
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
    status = digest_file(stream, digest, path, error);
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

enum diva_status diva_dataset_sha256(const struct diva_dataset *dataset, int64_t file,
                                     char out[DIVA_SHA256_SIZE], struct diva_error *error) {
  const char *path = diva_dataset_path(dataset, file);
  if (!path) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "the dataset has no file %lld", (long long)file);
  }
  char *known = dataset->digests[file];
  const enum diva_status status = known[0] ? DIVA_OK : digest_path(path, known, error);
  memcpy(out, known, DIVA_SHA256_SIZE);
  return status;
}
