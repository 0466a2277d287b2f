/* The program: finds the command, parses its options, runs it, and turns its status into an exit
 * code and at most one line on standard error. */
#include "cli.h"
#include "help.h"
#include "signals.h"
#include "threads.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_command *const commands[] = {&cli_command_info,
                                                     &cli_command_rank,
                                                     &cli_command_clean,
                                                     &cli_command_prune,
                                                     &cli_command_reweight,
                                                     &cli_command_extend,
                                                     &cli_command_what_if,
                                                     &cli_command_check,
                                                     &cli_command_state,
                                                     &cli_command_merge,
                                                     &cli_command_convert,
                                                     &cli_command_bench,
                                                     NULL};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands - 1 };

static const struct cli_command *find_command(const char *name) {
  for (int i = 0; i < COMMAND_COUNT; i++) {
    if (strcmp(commands[i]->name, name) == 0) {
      return commands[i];
    }
  }
  return NULL;
}

static enum diva_status unknown_command(const char *name, struct diva_error *error) {
  const char *names[COMMAND_COUNT + 5] = {"help", "--help", "--version", "--completion"};
  for (int i = 0; i < COMMAND_COUNT; i++) {
    names[i + 4] = commands[i]->name;
  }
  const char *near = diva_suggest(name, names);
  return diva_error_set(error, DIVA_ERROR_USAGE, "unknown %s '%s'%s%s%s; see 'diva help'",
                        *name == '-' ? "option before a command" : "command", name,
                        near ? " (did you mean '" : "", near ? near : "", near ? "'?)" : "");
}

static enum diva_status help(int argc, char **argv, struct diva_error *error) {
  if (argc < 3) {
    cli_help_program(stdout, commands);
    return DIVA_OK;
  }
  if (strcmp(argv[2], "--man") == 0) {
    cli_manual_print(stdout, commands);
    return DIVA_OK;
  }
  const struct cli_command *command = find_command(argv[2]);
  if (!command) {
    return unknown_command(argv[2], error);
  }
  cli_help_command(stdout, command);
  return DIVA_OK;
}

static enum diva_status check_files(const struct cli_command *command, char *const *files,
                                    int count, struct diva_error *error) {
  if (count < command->minimum_files) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%s: a file is missing: diva %s [options] %s; see 'diva %s --help'",
                          command->name, command->name, command->files, command->name);
  }
  if (count > command->maximum_files) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "%s: %d files are too many: diva %s [options] %s; see 'diva %s --help'",
                          command->name, count, command->name, command->files, command->name);
  }
  for (int i = 0; i < count; i++) {
    if (!*files[i]) {
      return diva_error_set(error, DIVA_ERROR_USAGE, "%s: the name of a file is empty",
                            command->name);
    }
  }
  return DIVA_OK;
}

/* Parsed: shows help or runs. */
static enum diva_status run_parsed(const struct cli_command *command,
                                   const struct cli_request *request, struct diva_error *error) {
  if (request->settings->help) {
    cli_help_command(stdout, command);
    return DIVA_OK;
  }
  const enum diva_status status = check_files(command, request->files, request->file_count, error);
  return status ? status : command->run(request, error);
}

/* `line` is the command line as typed; argv is a copy of its pointers that getopt may reorder. */
static enum diva_status run_command(const struct cli_command *command, int argc, char **argv,
                                    char *const *line, int *code, struct diva_error *error) {
  struct cli_settings settings;
  struct cli_request request = {
      .argument_count = argc, .arguments = line, .settings = &settings, .exit_code = code};
  int first = 0;
  cli_settings_start(&settings, command);
  enum diva_status status = cli_options_parse(command->name, command->groups, argc - 1, argv + 1,
                                              &settings, &first, error);
  if (!status) {
    cli_settings_finish(&settings);
    request.files = argv + 1 + first;
    request.file_count = argc - 1 - first;
    status = run_parsed(command, &request, error);
  }
  cli_options_free(command->groups, &settings);
  return status;
}

static enum diva_status dispatch(int argc, char **argv, char *const *line, int *code,
                                 struct diva_error *error) {
  const char *word = argc > 1 ? argv[1] : "help";
  if (strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
    return help(argc, argv, error);
  }
  if (strcmp(word, "--version") == 0) {
    printf("diva %s\n", diva_version());
    return DIVA_OK;
  }
  if (strcmp(word, "--man") == 0) {
    cli_manual_print(stdout, commands);
    return DIVA_OK;
  }
  if (strcmp(word, "--completion") == 0) {
    return cli_completion_print(stdout, argc > 2 ? argv[2] : "", commands, error);
  }
  const struct cli_command *command = find_command(word);
  return command ? run_command(command, argc, argv, line, code, error)
                 : unknown_command(word, error);
}

static int exit_code(enum diva_status status) {
  switch (status) {
  case DIVA_OK:
    return 0;
  case DIVA_ERROR_USAGE:
    return 3;
  case DIVA_ERROR_INPUT:
    return 4;
  case DIVA_ERROR_NUMERICAL:
    return 5;
  case DIVA_ERROR_RESOURCE:
    return 6;
  case DIVA_ERROR_CANCELLED:
  case DIVA_ERROR_INTERNAL:
    break;
  }
  return 70;
}

static enum diva_status flush_output(struct diva_error *error) {
  errno = 0;
  if (fflush(stdout) || ferror(stdout)) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "standard output: %s",
                          errno ? strerror(errno) : "a write failed");
  }
  return DIVA_OK;
}

int main(int argc, char **argv) {
  cli_threads_let_sleep(argv);
  struct diva_error error = {.row = -1};
  enum diva_status status = DIVA_ERROR_RESOURCE;
  int code = 0;
  char **copy = malloc(((size_t)argc + 1) * sizeof *copy);
  cli_signals_install();
  if (!copy) {
    diva_error_set(&error, status, "out of memory for the command line");
    goto done;
  }
  memcpy(copy, argv, ((size_t)argc + 1) * sizeof *copy);
  status = dispatch(argc, copy, argv, &code, &error);
  if (!status) {
    status = flush_output(&error);
  }
done:
  free(copy);
  if (status == DIVA_ERROR_CANCELLED && cli_signal_pending()) {
    cli_signal_raise(cli_signal_pending());
  }
  if (status) {
    fprintf(stderr, "diva: %s\n", error.message);
  }
  if (status == DIVA_ERROR_RESOURCE) {
    /* After a write that failed on a full disk, HDF5 1.10 crashes in its own exit handler, which
     * meets a dataset that could not be closed. All is freed and removed here: skip the handlers.
     */
    _Exit(exit_code(status));
  }
  return status ? exit_code(status) : code;
}
