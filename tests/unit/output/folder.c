/* A temporary folder for a test, and whole files in it. */
#define _GNU_SOURCE
#include "folder.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void folder_enter(void) {
  char path[] = "/tmp/diva-output-XXXXXX";
  cr_assert_not_null(mkdtemp(path));
  cr_assert_eq(chdir(path), 0);
}

static int remove_entry(const char *path, const struct stat *facts, int kind, struct FTW *place) {
  (void)facts;
  (void)kind;
  (void)place;
  return remove(path);
}

void folder_leave(void) {
  char *const path = get_current_dir_name();
  cr_assert_not_null(path);
  cr_assert_eq(chdir("/"), 0);
  nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  free(path);
}

int folder_count(void) {
  DIR *const folder = opendir(".");
  int count = 0;
  cr_assert_not_null(folder);
  while (readdir(folder)) {
    count++;
  }
  closedir(folder);
  return count - 2;
}

char *file_read(const char *path, size_t *length) {
  FILE *const file = fopen(path, "rb");
  size_t size = 0;
  if (!file) {
    return NULL;
  }
  fseek(file, 0, SEEK_END);
  const size_t whole = (size_t)ftell(file);
  rewind(file);
  char *const bytes = calloc(whole + 1, 1);
  cr_assert_not_null(bytes);
  size = fread(bytes, 1, whole, file);
  cr_assert_eq(size, whole);
  fclose(file);
  if (length) {
    *length = whole;
  }
  return bytes;
}

void file_write(const char *path, const void *bytes, size_t length) {
  FILE *const file = fopen(path, "wb");
  cr_assert_not_null(file);
  cr_assert_eq(fwrite(bytes, 1, length, file), length);
  cr_assert_eq(fclose(file), 0);
}

void file_write_text(const char *path, const char *text) {
  file_write(path, text, strlen(text));
}

bool file_exists(const char *path) {
  return access(path, F_OK) == 0;
}

bool files_equal(const char *a, const char *b) {
  size_t a_length = 0;
  size_t b_length = 0;
  char *const a_bytes = file_read(a, &a_length);
  char *const b_bytes = file_read(b, &b_length);
  const bool equal =
      a_bytes && b_bytes && a_length == b_length && memcmp(a_bytes, b_bytes, a_length) == 0;
  free(a_bytes);
  free(b_bytes);
  return equal;
}
