/* Files that appear complete or not at all. */
#define _GNU_SOURCE
#include "host/output/atomic.h"

#include "folder.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(atomic, .init = folder_enter, .fini = folder_leave);

static void expect_text(const char *path, const char *expected) {
  char *const text = file_read(path, NULL);
  cr_assert_not_null(text, "%s is missing", path);
  cr_expect_str_eq(text, expected);
  free(text);
}

Test(atomic, appears_on_commit_and_not_before) {
  struct diva_atomic_file file;
  struct diva_error error;
  file_write_text("out", "old");
  cr_assert_eq(chmod("out", 0600), 0);
  cr_assert_eq(symlink("out", "link"), 0);
  cr_assert_eq(diva_atomic_open("link", &file, &error), DIVA_OK);
  fputs("new", file.stream);
  fflush(file.stream);
  expect_text("out", "old");
  cr_assert_eq(diva_atomic_commit(&file, &error), DIVA_OK);
  expect_text("out", "new");
  struct stat facts;
  cr_assert_eq(lstat("link", &facts), 0);
  cr_expect(S_ISLNK(facts.st_mode), "the link itself was replaced");
  cr_assert_eq(stat("out", &facts), 0);
  cr_expect_eq(facts.st_mode & 0777, 0600, "a private file became public");
  cr_expect_eq(folder_count(), 2);
  cr_assert_eq(diva_atomic_open("out", &file, &error), DIVA_OK);
  fputs("third", file.stream);
  diva_atomic_abandon(&file);
  expect_text("out", "new");
  cr_expect_eq(folder_count(), 2);
}

Test(atomic, says_what_refuses) {
  const struct {
    const char *path;
    const char *words;
  } cases[] = {{"missing/out", "folder missing"},
               {"file/out", "is not a folder"},
               {".", "is a folder"},
               {"", "is not the name of a file"},
               {"new/", "is not the name of a file"}};
  file_write_text("file", "");
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct diva_atomic_file file;
    struct diva_error error;
    cr_expect_eq(diva_atomic_open(cases[i].path, &file, &error), DIVA_ERROR_RESOURCE);
    cr_expect_not_null(strstr(error.message, cases[i].words), "'%s': %s", cases[i].path,
                       error.message);
  }
  cr_expect_eq(folder_count(), 1);
}

Test(atomic, pair_appears_whole_or_not_at_all) {
  struct diva_error error;
  struct diva_atomic_file first;
  struct diva_atomic_file second;
  file_write_text("second", "old");
  cr_assert_eq(diva_atomic_open("first", &first, &error), DIVA_OK);
  cr_assert_eq(diva_atomic_open("second", &second, &error), DIVA_OK);
  fputs("new", second.stream);
  cr_assert_eq(mkdir("first", 0777), 0);
  cr_expect_eq(diva_atomic_commit_pair(&first, &second, &error), DIVA_ERROR_RESOURCE);
  cr_expect_not_null(strstr(error.message, "first"), "%s", error.message);
  expect_text("second", "old");
  cr_expect_eq(folder_count(), 2);

  cr_assert_eq(unlink("second"), 0);
  cr_assert_eq(rmdir("first"), 0);
  cr_assert_eq(diva_atomic_open("first", &first, &error), DIVA_OK);
  cr_assert_eq(diva_atomic_open("second", &second, &error), DIVA_OK);
  cr_assert_eq(mkdir("first", 0777), 0);
  cr_expect_eq(diva_atomic_commit_pair(&first, &second, &error), DIVA_ERROR_RESOURCE);
  cr_expect_not(file_exists("second"));
  cr_expect_eq(folder_count(), 1);

  cr_assert_eq(rmdir("first"), 0);
  cr_assert_eq(diva_atomic_open("first", &first, &error), DIVA_OK);
  cr_assert_eq(diva_atomic_open("second", &second, &error), DIVA_OK);
  fputs("1", first.stream);
  fputs("2", second.stream);
  cr_assert_eq(diva_atomic_commit_pair(&first, &second, &error), DIVA_OK);
  expect_text("first", "1");
  expect_text("second", "2");
  cr_expect_eq(folder_count(), 2);
}

Test(atomic, full_disk_leaves_nothing) {
  const struct rlimit limit = {.rlim_cur = 4096, .rlim_max = RLIM_INFINITY};
  struct diva_error error;
  struct diva_atomic_file file;
  signal(SIGXFSZ, SIG_IGN);
  cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
  cr_assert_eq(diva_atomic_open("out", &file, &error), DIVA_OK);
  for (int i = 0; i < 10000; i++) {
    fputc('x', file.stream);
  }
  cr_expect_eq(diva_atomic_commit(&file, &error), DIVA_ERROR_RESOURCE);
  cr_expect_not_null(strstr(error.message, "out: cannot be written"), "%s", error.message);
  cr_expect_eq(folder_count(), 0);
}

Test(atomic, device_is_written_in_place) {
  struct diva_error error;
  struct diva_atomic_file file;
  const char *where;
  cr_assert_eq(diva_atomic_open("/dev/null", &file, &error), DIVA_OK);
  cr_expect_null(file.temporary);
  cr_assert_eq(diva_atomic_commit(&file, &error), DIVA_OK);
  struct stat facts;
  cr_assert_eq(stat("/dev/null", &facts), 0);
  cr_expect(S_ISCHR(facts.st_mode));
  cr_assert_eq(diva_atomic_open("/dev/full", &file, &error), DIVA_OK);
  fputs("x", file.stream);
  cr_expect_eq(diva_atomic_commit(&file, &error), DIVA_ERROR_RESOURCE);
  cr_expect_not_null(strstr(error.message, "No space left"), "%s", error.message);
  cr_assert_eq(diva_atomic_open("/dev/null", &file, &error), DIVA_OK);
  cr_expect_eq(diva_atomic_by_path(&file, &where, &error), DIVA_ERROR_RESOURCE);
  diva_atomic_abandon(&file);
}
