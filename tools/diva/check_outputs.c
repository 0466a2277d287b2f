/* The reports that `diva check` leaves behind. All are made, then written beside, then printed, and
 * files get their names last. */
#define _POSIX_C_SOURCE 200809L
#include "check_outputs.h"
#include "output.h"
#include "signals.h"
#include "summary.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 4 };

/* A report that goes to a file or to standard output. */
struct form {
  enum diva_check_format format;
  struct cli_named_output name;
  char *text;
  struct cli_staged staged;
};

static int list_forms(const struct cli_settings *settings, struct form out[FILES]) {
  const struct form all[FILES] = {
      {.format = DIVA_CHECK_AS_JSON, .name = {settings->json_file, "--json"}},
      {.format = DIVA_CHECK_AS_JUNIT, .name = {settings->junit, "--junit"}},
      {.format = DIVA_CHECK_AS_MARKDOWN, .name = {settings->markdown, "--markdown"}},
      {.format = DIVA_CHECK_AS_SARIF, .name = {settings->sarif, "--sarif"}}};
  int count = 0;
  for (int i = 0; i < FILES; i++) {
    if (all[i].name.path) {
      out[count++] = all[i];
    }
  }
  return count;
}

static bool is_stdout(const struct form *form) {
  return strcmp(form->name.path, "-") == 0;
}

/* No report may be written over something that was read, or over another. */
static enum diva_status check_file(const struct form *form, const struct form *others, int count,
                                   const struct cli_settings *settings,
                                   const struct cli_check_inputs *inputs,
                                   struct diva_error *error) {
  const struct cli_named_output read[] = {{settings->baseline, "--baseline"},
                                          {settings->policy, "--policy"},
                                          {settings->manifest, "--manifest"}};
  enum diva_status status =
      cli_output_check(form->name.path, inputs->dataset, inputs->baseline, error);
  if (!status) {
    status = cli_output_check(form->name.path, inputs->target, NULL, error);
  }
  for (size_t i = 0; !status && i < sizeof read / sizeof *read; i++) {
    if (read[i].path) {
      status = cli_output_check_distinct(&read[i], &form->name, error);
    }
  }
  for (int i = 0; !status && i < count; i++) {
    if (!is_stdout(&others[i])) {
      status = cli_output_check_distinct(&others[i].name, &form->name, error);
    }
  }
  return status;
}

enum diva_status cli_check_outputs_check(const struct cli_settings *settings,
                                         const struct cli_check_inputs *inputs,
                                         struct diva_error *error) {
  struct form forms[FILES];
  const char *printed = NULL;
  const int count = list_forms(settings, forms);
  enum diva_status status = DIVA_OK;
  for (int i = 0; !status && i < count; i++) {
    if (!is_stdout(&forms[i])) {
      status = check_file(&forms[i], forms, i, settings, inputs, error);
    } else if (printed) {
      status = diva_error_set(error, DIVA_ERROR_USAGE,
                              "check: %s - and %s - cannot both go to standard output", printed,
                              forms[i].name.option);
    } else {
      printed = forms[i].name.option;
    }
  }
  return status;
}

/* What runners of GitHub Actions set. */
static bool wants_annotations(const struct cli_settings *settings) {
  const char *const runner = getenv("GITHUB_ACTIONS");
  return settings->annotations || (runner && strcmp(runner, "true") == 0);
}

static const char *summary_path(void) {
  const char *const path = getenv("GITHUB_STEP_SUMMARY");
  return path && *path ? path : NULL;
}

/* Everything that may be said, made before anything is. */
struct texts {
  struct form forms[FILES];
  int count;
  char *people;
  char *annotations; /* NULL: not wanted */
  char *summary;     /* NULL: no runner asks for one */
};

static void free_texts(struct texts *texts) {
  for (int i = 0; i < texts->count; i++) {
    cli_staged_abandon(&texts->forms[i].staged);
    diva_string_free(texts->forms[i].text);
  }
  diva_string_free(texts->people);
  diva_string_free(texts->annotations);
  diva_string_free(texts->summary);
}

static enum diva_status make_texts(struct texts *texts, const struct cli_settings *settings,
                                   const struct diva_check_report *report,
                                   struct diva_error *error) {
  texts->count = list_forms(settings, texts->forms);
  enum diva_status status =
      diva_check_report_text(report, DIVA_CHECK_AS_TEXT, &texts->people, error);
  for (int i = 0; !status && i < texts->count; i++) {
    struct form *const form = &texts->forms[i];
    status = diva_check_report_text(report, form->format, &form->text, error);
  }
  if (!status && wants_annotations(settings)) {
    status = diva_check_report_text(report, DIVA_CHECK_AS_ANNOTATIONS, &texts->annotations, error);
  }
  if (!status && summary_path()) {
    status = diva_check_report_text(report, DIVA_CHECK_AS_MARKDOWN, &texts->summary, error);
  }
  return status;
}

static enum diva_status stage(struct texts *texts, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int i = 0; !status && i < texts->count; i++) {
    struct form *const form = &texts->forms[i];
    if (!is_stdout(form)) {
      status = cli_staged_name(&form->staged, form->name.path, "", error);
      if (!status) {
        status = cli_staged_write(&form->staged, form->text, error);
      }
    }
  }
  return status;
}

static enum diva_status print(const struct texts *texts, const struct cli_settings *settings,
                              struct diva_error *error) {
  const char *const parts[] = {texts->people, texts->annotations};
  const char *machine = NULL;
  enum diva_status status = DIVA_OK;
  for (int i = 0; i < texts->count; i++) {
    machine = is_stdout(&texts->forms[i]) ? texts->forms[i].text : machine;
  }
  if (machine) {
    status = cli_line_print(machine, error);
  }
  for (size_t i = 0; !status && i < sizeof parts / sizeof *parts; i++) {
    if (!parts[i] || !*parts[i]) {
      continue;
    }
    if (!machine) {
      status = cli_line_print(parts[i], error);
    } else if (!settings->quiet) {
      fprintf(stderr, "%s\n", parts[i]);
    }
  }
  return status;
}

static enum diva_status refuse(const char *path, struct diva_error *error) {
  const int code = errno;
  diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: %s", path, strerror(code));
  error->foreign_code = code;
  return DIVA_ERROR_RESOURCE;
}

static void note_full_summary(const char *path, const struct cli_settings *settings) {
  if (!settings->quiet) {
    fprintf(stderr, "note: ");
    cli_print_name(stderr, path);
    fprintf(stderr, ": this check would make it longer than the 1 MiB that a runner shows, and is "
                    "left out\n");
  }
}

/* Adds to what other commands of the step wrote. A summary of more than 1 MiB would be dropped
 * whole by the runner, so that this one is left out instead. */
static enum diva_status append_summary(const struct texts *texts,
                                       const struct cli_settings *settings,
                                       struct diva_error *error) {
  const long long most = 1024LL * 1024;
  const char *const path = summary_path();
  struct stat before = {0};
  if (!texts->summary) {
    return DIVA_OK;
  }
  FILE *const file = fopen(path, "a");
  if (!file || fstat(fileno(file), &before)) {
    const enum diva_status status = refuse(path, error);
    if (file) {
      fclose(file);
    }
    return status;
  }
  if (before.st_size + (long long)strlen(texts->summary) + 1 > most) {
    fclose(file);
    note_full_summary(path, settings);
    return DIVA_OK;
  }
  bool good = fprintf(file, "%s\n", texts->summary) >= 0 && fflush(file) == 0;
  if (!good && ftruncate(fileno(file), before.st_size) == 0) {
    errno = errno ? errno : EIO;
  }
  const enum diva_status status = good ? DIVA_OK : refuse(path, error);
  good = fclose(file) == 0;
  return status || good ? status : refuse(path, error);
}

static enum diva_status commit(struct texts *texts, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int i = 0; !status && i < texts->count; i++) {
    if (!is_stdout(&texts->forms[i])) {
      status = cli_staged_commit(&texts->forms[i].staged, error);
    }
  }
  return status;
}

enum diva_status cli_check_outputs_write(const struct cli_settings *settings,
                                         const struct diva_check_report *report,
                                         struct diva_error *error) {
  struct texts texts = {0};
  enum diva_status status = make_texts(&texts, settings, report, error);
  if (!status) {
    status = stage(&texts, error);
  }
  if (!status && cli_signal_pending()) {
    status = diva_error_set(error, DIVA_ERROR_CANCELLED, "interrupted");
  }
  if (!status) {
    status = print(&texts, settings, error);
  }
  if (!status) {
    status = append_summary(&texts, settings, error);
  }
  if (!status) {
    status = commit(&texts, error);
  }
  free_texts(&texts);
  cli_pipe_release();
  return status;
}
